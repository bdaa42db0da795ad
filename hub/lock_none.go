//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package hub

import (
	"errors"
	"os"
)

// tryLock reports that files cannot be locked here.
func tryLock(*os.File) (taken bool, err error) { return false, errors.ErrUnsupported }
