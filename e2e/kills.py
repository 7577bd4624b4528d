"""Kills a process at the entry of its nth system call that changes a disk or sends to another
server, counted over all threads. strace can't do that, because it counts per thread."""

import ctypes
import os
import platform
import signal
import struct
import threading

# System call numbers: include/uapi/asm-generic/unistd.h, arch/x86/entry/syscalls/syscall_64.tbl.
CALLS = {
    "x86_64": {
        1: "write", 18: "pwrite64", 20: "writev", 44: "sendto", 46: "sendmsg", 74: "fsync", 75: "fdatasync", 77: "ftruncate",
        82: "rename", 83: "mkdir", 84: "rmdir", 86: "link", 87: "unlink", 258: "mkdirat", 263: "unlinkat", 264: "renameat",
        265: "linkat", 277: "sync_file_range", 285: "fallocate", 296: "pwritev", 316: "renameat2", 326: "copy_file_range",
    },
    "aarch64": {
        34: "mkdirat", 35: "unlinkat", 37: "linkat", 38: "renameat", 46: "ftruncate", 47: "fallocate", 64: "write", 66: "writev",
        68: "pwrite64", 70: "pwritev", 82: "fsync", 83: "fdatasync", 84: "sync_file_range", 206: "sendto", 211: "sendmsg",
        276: "renameat2", 285: "copy_file_range",
    },
}[platform.machine()]
# Writes to sockets and logs do not change a local store. They are counted only if the store is
# another server.
SPOKEN = {"write", "writev", "sendto", "sendmsg"}
CHANGES = set(CALLS.values()) - SPOKEN

SEIZE, INTERRUPT, DETACH, SYSCALL, GET_SYSCALL_INFO = 0x4206, 0x4207, 17, 24, 0x420E
SYSGOOD, CLONE = 1, 1 << 3
# A signal that the server ignores and the tracer sees.
WAKE = signal.SIGWINCH
# waitpid options __WALL and __WNOTHREAD: children of every kind, but only of this thread.
ALL, OWN = 0x40000000, 0x20000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, thread, address=0, data=0):
    """Calls ptrace. Returns `False` if the thread no longer exists."""
    if libc.ptrace(request, thread, address, data) >= 0:
        return True
    if ctypes.get_errno() == 3:  # ESRCH
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Killer:
    """Traces a process in its own thread and kills it at the entry of call number `at` (from 1)
    among those in `names`. `calls` lists the names of the calls entered, in order; `gone` is set
    when the process has ended. No other code may wait for or poll the process meanwhile, because
    each stop is reported only once."""

    def __init__(self, pid, at=None, names=CHANGES):
        self.pid, self.at, self.names = pid, at, names
        self.calls, self.killed, self.letting_go, self.error = [], False, False, None
        self.attached, self.ending, self.gone = threading.Event(), threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        assert self.attached.wait(20), "not attached in time"
        if self.error:
            raise self.error
        return self

    def __exit__(self, *_):
        """Detaches from the process if it is still running."""
        self.ending.set()
        if self.thread.is_alive():
            try:
                os.kill(self.pid, WAKE)
            except ProcessLookupError:
                pass
        self.thread.join(timeout=30)
        assert not self.thread.is_alive(), "still watching"
        if self.error:
            raise self.error

    def run(self):
        try:
            self.watch()
        except BaseException as error:  # Raised in the thread that uses the killer.
            self.error = error
        finally:
            self.attached.set()
            self.gone.set()

    def watch(self):
        threads, grown = set(), True
        while grown:
            grown = False
            for thread in map(int, os.listdir(f"/proc/{self.pid}/task")):
                if thread not in threads and ptrace(SEIZE, thread, 0, SYSGOOD | CLONE):
                    ptrace(INTERRUPT, thread)
                    threads.add(thread)
                    grown = True
        waiting, info = set(threads), ctypes.create_string_buffer(88)
        while threads:
            try:
                thread, status = os.waitpid(-1, ALL | OWN)
            except ChildProcessError:
                break
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                threads.discard(thread)
                waiting.discard(thread)
            else:
                threads.add(thread)
                waiting.discard(thread)
                self.stopped(threads, thread, status, info)
            if not waiting:
                self.attached.set()

    def stopped(self, threads, thread, status, info):
        sig, deliver = os.WSTOPSIG(status), 0
        if sig == signal.SIGTRAP | 0x80:
            ptrace(GET_SYSCALL_INFO, thread, len(info), ctypes.addressof(info))
            if info.raw[0] == 1:
                self.entered(CALLS.get(struct.unpack_from("<Q", info.raw, 24)[0]))
        elif status >> 16 == 0 and sig != WAKE:
            deliver = sig
        if not self.ending.is_set():
            ptrace(SYSCALL, thread, 0, deliver)
            return
        if not self.letting_go:
            self.letting_go = True
            for other in threads - {thread}:
                ptrace(INTERRUPT, other)
        ptrace(DETACH, thread, 0, deliver)
        threads.discard(thread)

    def entered(self, name):
        if name not in self.names or self.killed:
            return
        self.calls.append(name)
        if self.at == len(self.calls):
            self.killed = True
            os.kill(self.pid, signal.SIGKILL)
