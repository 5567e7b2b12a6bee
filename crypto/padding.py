"""Size buckets, so that a sealed object or a bundle tells little by its length (docs/formats.md §3.2)."""

MESSAGE_BUCKET = 16 * 1024
_FILE_LEAST = 64 * 1024
_FILE_DOUBLING_UP_TO = 16 * 1024 * 1024
_BUNDLE_LEAST = 1024 * 1024


def message_bucket(length: int) -> int:
    """The next multiple of 16 KiB, at least one."""
    return max(1, -(-length // MESSAGE_BUCKET)) * MESSAGE_BUCKET


def file_bucket(length: int) -> int:
    """64 KiB doubled as often as needed up to 16 MiB, then the next quarter of an octave."""
    if length <= _FILE_LEAST:
        return _FILE_LEAST
    if length <= _FILE_DOUBLING_UP_TO:
        return 1 << (length - 1).bit_length()
    return _quarter_octave(length)


def bundle_bucket(length: int) -> int:
    """The next quarter of an octave, at least 1 MiB."""
    return max(_BUNDLE_LEAST, _quarter_octave(length))


def _quarter_octave(length: int) -> int:
    octave = 1 << max(2, length.bit_length() - 1)
    return -(-length // (octave // 4)) * (octave // 4)
