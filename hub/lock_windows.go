package hub

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// Of LockFileEx, learn.microsoft.com/windows/win32/api/fileapi.
const (
	lockExclusive     = 2
	lockAtOnce        = 1
	errorLockViolated = syscall.Errno(33)
)

// tryLock takes a file for this process, or reports that another has it. The
// system gives it back when the process ends, however it ends. It is the first
// byte that is locked, as Python's msvcrt.locking does.
func tryLock(f *os.File) (taken bool, err error) {
	var at syscall.Overlapped
	call := syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")
	ok, _, err := call.Call(f.Fd(), lockExclusive|lockAtOnce, 0, 1, 0, uintptr(unsafe.Pointer(&at)))
	switch {
	case ok != 0:
		return true, nil
	case errors.Is(err, errorLockViolated), errors.Is(err, syscall.ERROR_IO_PENDING):
		return false, nil
	}
	return false, err
}
