"""What a file is, told from its first bytes. Names lie; this is a hint for people, not a promise that a file is safe."""

import re
from typing import Final

LOOKED_AT: Final = 4_096  # bytes at the beginning of a file
UNKNOWN: Final = "application/octet-stream"
TEXT: Final = "text/plain"
EMPTY: Final = "inode/x-empty"

_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"BM", "image/bmp"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"\x1aE\xdf\xa3", "video/x-matroska"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"7z\xbc\xaf'\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"\xca\xfe\xba\xbe", "application/x-mach-binary"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (0, b"#!", "text/x-script"),
    (257, b"ustar", "application/x-tar"),
)

_OOXML: Final = "application/vnd.openxmlformats-officedocument."
_ZIPS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"mimetypeapplication/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
    (b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "application/vnd.oasis.opendocument.spreadsheet"),
    (b"mimetypeapplication/epub+zip", "application/epub+zip"),
    (b"AndroidManifest.xml", "application/vnd.android.package-archive"),
    (b"word/", _OOXML + "wordprocessingml.document"),
    (b"xl/", _OOXML + "spreadsheetml.sheet"),
    (b"ppt/", _OOXML + "presentationml.presentation"),
    (b"META-INF/", "application/java-archive"),
)

# Which extensions go with which type. A type that is not here says nothing about the name.
_EXTENSIONS: Final = {
    "application/pdf": "pdf",
    "image/png": "png",
    "image/jpeg": "jpg jpeg jpe jfif",
    "image/gif": "gif",
    "image/tiff": "tif tiff dng",
    "image/bmp": "bmp",
    "image/webp": "webp",
    "image/heic": "heic heif",
    "image/avif": "avif",
    "image/svg+xml": "svg xml",
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg oga opus ogv",
    "audio/flac": "flac",
    "audio/amr": "amr",
    "audio/mp4": "m4a mp4",
    "video/mp4": "mp4 m4v m4a",
    "video/quicktime": "mov qt",
    "video/3gpp": "3gp 3gpp",
    "video/x-msvideo": "avi",
    "video/x-matroska": "mkv webm mka",
    "application/rtf": "rtf doc",
    "application/x-ole-storage": "doc xls ppt msg msi",
    "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar",
    "application/gzip": "gz tgz",
    "application/x-xz": "xz txz",
    "application/x-bzip2": "bz2",
    "application/zip": "zip",
    "application/vnd.oasis.opendocument.text": "odt ott",
    "application/vnd.oasis.opendocument.spreadsheet": "ods ots",
    "application/epub+zip": "epub",
    "application/vnd.android.package-archive": "apk",
    _OOXML + "wordprocessingml.document": "docx docm dotx",
    _OOXML + "spreadsheetml.sheet": "xlsx xlsm",
    _OOXML + "presentationml.presentation": "pptx pptm",
    "application/java-archive": "jar war",
    "application/vnd.sqlite3": "sqlite sqlite3 db",
    "application/x-elf": "so o bin elf",
    "application/vnd.microsoft.portable-executable": "exe dll scr sys cpl",
    "application/x-mach-binary": "dylib class bin",
    "application/x-ms-shortcut": "lnk",
    "text/x-script": "sh py pl rb bash",
    "text/html": "html htm xhtml mht",
    "application/x-tar": "tar",
}
_ALLOWED: Final = {file_type: frozenset(names.split()) for file_type, names in _EXTENSIONS.items()}
_CLAIMED: Final = frozenset(name for names in _ALLOWED.values() for name in names)


def tell_type(beginning: bytes) -> str:
    """The media type that the first LOOKED_AT bytes show; UNKNOWN when they show none."""
    if not beginning:
        return EMPTY
    if beginning.startswith(b"PK\x03\x04"):
        return next((kind for mark, kind in _ZIPS if mark in beginning), "application/zip")
    if beginning[4:8] == b"ftyp":
        return _iso_media(beginning[8:12])
    for offset, magic, file_type in _MAGIC:
        if beginning.startswith(magic, offset):
            return file_type
    return _text(beginning)


def contradicts(file_type: str, extension: str) -> bool:
    """Whether a name's extension (lower case, no dot) claims something else than the content is."""
    allowed = _ALLOWED.get(file_type)
    if allowed is not None:
        return extension not in allowed
    # Text or unknown content under a name that promises a known kind: a picture that is none.
    return file_type in (TEXT, UNKNOWN) and extension in _CLAIMED - _TEXTUAL


_TEXTUAL: Final = frozenset({
    "html",
    "htm",
    "xhtml",
    "mht",
    "svg",
    "xml",
    "sh",
    "py",
    "pl",
    "rb",
    "bash",
    "rtf",
    "bin",
    "db",
    "mp3",
    "tar",
    "o",
    "doc",
})


def _iso_media(brand: bytes) -> str:
    match brand[:3]:
        case b"hei" | b"hev" | b"mif":
            return "image/heic"
        case b"avi":
            return "image/avif"
        case b"qt ":
            return "video/quicktime"
        case b"3gp" | b"3g2":
            return "video/3gpp"
        case b"M4A" | b"M4B":
            return "audio/mp4"
    return "video/mp4"


def _text(beginning: bytes) -> str:
    start = beginning.lstrip(b"\xef\xbb\xbf \t\r\n")[:512].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<script", b"<body")):
        return "text/html"
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        return "image/svg+xml"
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        return TEXT
    try:
        beginning.decode()
    except UnicodeDecodeError as error:
        if error.start < len(beginning) - 3:
            return UNKNOWN
    return UNKNOWN if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", beginning) else TEXT
