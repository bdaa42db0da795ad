package stream

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Ids come to an end or to an error, and every byte belongs to one of them.
func FuzzIDs(f *testing.F) {
	for _, s := range []string{"", "1 2 3", "[1,2]\n[3]", "-1", "99999999999999999999", "7\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		src := NewIDs(bytes.NewReader(text), "ids", 0)
		at := 0
		for {
			ids, n, err := src.Next()
			if err != nil {
				if rest := bytes.Trim(text[at:], " \t\r\n,[]"); err == io.EOF && len(rest) > 0 {
					t.Fatalf("%q is left over", rest)
				}
				return
			}
			if len(ids) != 1 || ids[0] < 0 || n < 1 {
				t.Fatalf("ids %v of %d bytes", ids, n)
			}
			at += n
		}
	})
}

// A memory is resumed or refused, and a stream that refused one is at its
// beginning.
func FuzzResume(f *testing.F) {
	s := begin(f, config(f, open(f, "bloom-one-head"), "algebraic", 1))
	path := filepath.Join(f.TempDir(), "memory")
	if err := s.Run(f.Context(), NewIDs(bytes.NewReader([]byte("1 2")), "ids", 0), Output{Save: path}); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-4])
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "memory")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := s.Resume(path); err != nil {
			if n := s.session.Tokens(); n != 0 && n != s.at.Tokens {
				t.Fatalf("%d tokens and %d after %v", n, s.at.Tokens, err)
			}
			return
		}
		if s.session.Tokens() != s.at.Tokens {
			t.Fatalf("%d tokens, and a memory of %d", s.at.Tokens, s.session.Tokens())
		}
		if err := s.token(1, true, 2, Output{}); err != nil {
			t.Fatal(err)
		}
	})
}
