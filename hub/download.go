package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// unfinished ends the name of a blob that is not complete.
const unfinished = ".incomplete"

// download brings a blob into the cache: into a file of another name, which goes
// on where an earlier one ended, and gets its own name once its checksum has been
// found right. Came is told how much of it is there.
func (c *client) download(ctx context.Context, r repository, commit string, f file, came func(int64)) error {
	if err := os.MkdirAll(filepath.Dir(r.blob(f.Hash)), 0o777); err != nil {
		return unwritable(err)
	}
	unlock, alone, err := r.own(ctx, f.Hash, func() { c.note("another process is fetching " + f.Name + "; waiting for it") })
	if err != nil {
		return unwritable(err)
	}
	defer unlock()
	if r.has(commit, f) { // the other process has fetched it
		came(f.Bytes)
		return nil
	}
	part, err := openPart(r.blob(f.Hash), alone)
	if err != nil {
		return unwritable(err)
	}
	defer part.Close()
	if !alone { // nobody would find it again
		defer os.Remove(part.Name())
	}
	d := &transfer{client: c, file: f, commit: commit, part: part, came: came}
	if err := d.run(ctx); err != nil {
		return err
	}
	err = errors.Join(part.Sync(), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), r.blob(f.Hash))
	}
	if err != nil {
		return unwritable(err)
	}
	return nil
}

// openPart opens what there is of a blob. Who is not alone takes a name of his
// own.
func openPart(blob string, alone bool) (*os.File, error) {
	if !alone {
		blob += fmt.Sprintf(".%016x", rand.Uint64())
	}
	return os.OpenFile(blob+unfinished, os.O_RDWR|os.O_CREATE, 0o666)
}

// unwritable says what to do about a cache that does not take files.
func unwritable(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("write to the Hugging Face cache: %w; make room or gain the right to write there, or set HF_HUB_CACHE to another folder; what has come so far is kept", reason(err))
}

// transfer is one file on its way.
type transfer struct {
	*client
	file   file
	commit string
	part   *os.File
	came   func(int64)

	have int64  // bytes in part
	tag  string // of what the first answer sent, in its strong form; may be empty
}

// run completes the part and checks it. One that an earlier run began, and that
// turns out wrong, is fetched anew.
func (t *transfer) run(ctx context.Context) error {
	info, err := t.part.Stat()
	if err != nil {
		return unwritable(err)
	}
	t.have = info.Size()
	if t.have > t.file.Bytes {
		if err := t.restart(); err != nil {
			return err
		}
	}
	for {
		resumed := t.have > 0
		t.came(t.have)
		if t.have < t.file.Bytes {
			if err := t.ask(ctx, question{path: t.address(t.commit, t.file), header: t.header, take: t.take}); err != nil {
				return err
			}
		}
		right, err := t.file.matches(t.part)
		if err != nil {
			return unwritable(err)
		}
		if right {
			return nil
		}
		if err := t.restart(); err != nil {
			return err
		}
		if !resumed {
			os.Remove(t.part.Name())
			return fmt.Errorf("%s: what came does not have the checksum that the hub lists, so it was deleted; try again, and if that does not help check HF_ENDPOINT and any proxy", t.file.Name)
		}
	}
}

// restart empties the part.
func (t *transfer) restart() error {
	if t.have == 0 {
		return nil
	}
	t.have, t.tag = 0, ""
	t.came(0)
	if err := t.part.Truncate(0); err != nil {
		return unwritable(err)
	}
	return nil
}

// header asks for what is missing. Of a part from an earlier run the server's
// tag is not known; the checksum tells whether the halves fit.
func (t *transfer) header(h http.Header) {
	if t.have == 0 {
		return
	}
	h.Set("Range", fmt.Sprintf("bytes=%d-", t.have))
	if t.tag != "" {
		h.Set("If-Range", t.tag)
	}
}

// take appends an answer to the part.
func (t *transfer) take(answer *http.Response, body io.Reader) error {
	switch answer.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable:
		if t.have == 0 {
			return fmt.Errorf("%s: the hub sends nothing of it; check HF_ENDPOINT, if it is set", t.file.Name)
		}
		if err := t.restart(); err != nil {
			return err
		}
		return &passing{error: errors.New("the hub does not go on where the download ended")}
	case http.StatusPartialContent:
		if want := fmt.Sprintf("bytes %d-%d/%d", t.have, t.file.Bytes-1, t.file.Bytes); answer.Header.Get("Content-Range") != want {
			if err := t.restart(); err != nil {
				return err
			}
			return &passing{error: errors.New("the hub sent another part than was asked for")}
		}
	default: // all of it
		if err := t.restart(); err != nil {
			return err
		}
		if n := answer.ContentLength; n >= 0 && n != t.file.Bytes {
			return fmt.Errorf("%s: %d bytes are offered, but the hub lists %d; check HF_ENDPOINT and any proxy", t.file.Name, n, t.file.Bytes)
		}
	}
	t.tag = ""
	if tag := answer.Header.Get("ETag"); strings.HasPrefix(tag, `"`) {
		t.tag = tag
	}
	if _, err := t.part.Seek(t.have, io.SeekStart); err != nil {
		return unwritable(err)
	}
	return t.copy(body)
}

// copy writes what comes to the part, as it comes, so that none of it is lost
// when it ends early.
func (t *transfer) copy(body io.Reader) error {
	buf := make([]byte, 1<<17)
	for t.have < t.file.Bytes {
		n, err := body.Read(buf[:min(int64(len(buf)), t.file.Bytes-t.have)])
		written, failed := t.part.Write(buf[:n])
		t.have += int64(written)
		t.came(t.have)
		switch {
		case failed != nil:
			return unwritable(failed)
		case err == io.EOF && t.have < t.file.Bytes:
			return &passing{error: fmt.Errorf("the connection broke (%w)", io.ErrUnexpectedEOF)}
		case err != nil && err != io.EOF:
			return err
		}
	}
	if n, _ := io.ReadFull(body, buf[:1]); n > 0 {
		if err := t.restart(); err != nil {
			return err
		}
		os.Remove(t.part.Name())
		return fmt.Errorf("%s: more came than the %d bytes that the hub lists, so it was deleted; check HF_ENDPOINT and any proxy", t.file.Name, t.file.Bytes)
	}
	return nil
}

// matches reads a blob and reports whether it has the size and the checksum that
// the hub lists. It is read back from the file system, so that what was written
// there by whomever is what is checked.
func (f file) matches(blob io.ReadSeeker) (bool, error) {
	if _, err := blob.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	var sum hash.Hash
	if len(f.Hash) == hex.EncodedLen(sha256.Size) {
		sum = sha256.New()
	} else { // git's name of a blob, git-scm.com/book/en/v2/Git-Internals-Git-Objects
		sum = sha1.New()
		fmt.Fprintf(sum, "blob %d\x00", f.Bytes)
	}
	n, err := io.Copy(sum, blob)
	return n == f.Bytes && hex.EncodeToString(sum.Sum(nil)) == f.Hash, err
}
