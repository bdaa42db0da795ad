package hub

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// lockPoll is how often a process asks whether another is done.
const lockPoll = 100 * time.Millisecond

// own waits until this process alone works on a blob. It is the lock of
// huggingface_hub, so that the two wait for one another. Where the file system
// has no locks, alone is false, and nobody may rely on a file of a common name.
func (r repository) own(ctx context.Context, hash string, waiting func()) (unlock func(), alone bool, err error) {
	if err := os.MkdirAll(r.locks, 0o777); err != nil {
		return nil, false, err
	}
	path := filepath.Join(r.locks, hash+".lock")
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o664)
		if err != nil {
			return nil, false, err
		}
		taken, err := r.lock(f)
		if err != nil {
			f.Close()
			return func() {}, false, nil
		}
		if taken && isStill(f, path) {
			return func() { f.Close() }, true, nil
		}
		f.Close()
		if waiting != nil && !taken {
			waiting()
			waiting = nil
		}
		if err := sleep(ctx, lockPoll); err != nil {
			return nil, false, err
		}
	}
}

// isStill reports whether an open file is the one of that name: a file that
// somebody deleted keeps nobody out.
func isStill(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(mine, there)
}

// sleep waits, unless the context ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
