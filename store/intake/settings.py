"""Every limit of the intake host in one place, each with its unit in its name."""

from dataclasses import dataclass, fields

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True)
class Settings:
    """Limits, all positive whole numbers. ValueError names the one that is not, or that contradicts another."""

    file_bytes: int = 500 * MIB
    files_per_submission: int = 20
    message_characters: int = 100_000
    mailbox_bytes: int = 4 * GIB  # sealed and not yet acknowledged by the desk
    host_bytes: int = 64 * GIB  # the same, of all mailboxes
    free_bytes_floor: int = 2 * GIB  # intake closes when less is free on the disk
    drain_bytes: int = 2 * GIB  # of a request that is too large, read and thrown away so that its answer is seen
    bundle_bytes: int = 3584 * MIB  # below what a FAT32 stick takes in one file
    session_idle_seconds: int = 30 * 60
    sessions: int = 50_000
    login_step_milliseconds: int = 500  # a login's answer waits for the next multiple of this
    concurrent_logins: int = 1  # key derivations at a time in each process, 128 MiB each
    waiting_logins: int = 8

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or not 0 < value < 2**53:
                raise ValueError(f"{field.name}: a positive whole number is needed")
        if self.bundle_bytes < 2 * self.file_bytes:
            raise ValueError("bundle_bytes: must hold at least two files of file_bytes")
        if self.mailbox_bytes < self.file_bytes or self.host_bytes < self.mailbox_bytes:
            raise ValueError("mailbox_bytes must be at least file_bytes, host_bytes at least mailbox_bytes")
        if self.message_characters > 1_000_000:
            raise ValueError("message_characters: at most 1000000, messages are held in memory")
