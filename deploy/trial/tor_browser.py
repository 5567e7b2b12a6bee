"""What Tor Browser sets in the Firefox that it is, as preferences.

Tor Browser is Firefox ESR with other defaults and NoScript. What its security levels change, by its `SecurityLevel` module
and by what NoScript lets through, is said here in preferences.
"""

from collections.abc import Mapping
from typing import Final

Preferences = Mapping[str, object]

ALWAYS: Final[Preferences] = {
    "browser.privatebrowsing.autostart": True,
    "dom.security.https_only_mode": True,
    "dom.security.https_only_mode.upgrade_onion": False,
    "media.gmp-provider.enabled": False,
    "media.peerconnection.enabled": False,
    "network.dns.blockDotOnion": False,
    "network.dns.disableIPv6": True,
    "network.dns.disablePrefetch": True,
    "network.http.http3.enable": False,
    "network.http.referer.hideOnionSource": True,
    "network.http.speculative-parallel-limit": 0,
    "network.predictor.enabled": False,
    "network.prefetch-next": False,
    "network.proxy.allow_bypass": False,
    "network.proxy.failover_direct": False,
    "network.proxy.no_proxies_on": "",
    "network.trr.mode": 5,
    "privacy.firstparty.isolate": True,
    "privacy.resistFingerprinting": True,
}
SAFER: Final[Preferences] = {
    "gfx.font_rendering.graphite.enabled": False,
    "gfx.font_rendering.opentype_svg.enabled": False,
    "javascript.options.asmjs": False,
    "javascript.options.baselinejit": False,
    "javascript.options.ion": False,
    "javascript.options.native_regexp": False,
    "javascript.options.wasm": False,
    "mathml.disabled": True,
    "webgl.disabled": True,
}
SAFEST: Final[Preferences] = {
    **SAFER,
    "gfx.downloadable_fonts.enabled": False,
    "javascript.enabled": False,
    "media.mp4.enabled": False,
    "media.ogg.enabled": False,
    "media.webm.enabled": False,
    "svg.disabled": True,
}
# No page of its own and no question at the first start.
FIRST_START: Final[Preferences] = {
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "termsofuse.bypassNotification": True,
}


def through(socks_port: int) -> Preferences:
    """Everything goes by the SOCKS port of a tor on this machine, names too."""
    return {
        "network.proxy.type": 1,
        "network.proxy.socks": "127.0.0.1",
        "network.proxy.socks_port": socks_port,
        "network.proxy.socks_version": 5,
        "network.proxy.socks_remote_dns": True,
    }
