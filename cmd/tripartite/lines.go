package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxLine bounds a line of input in bytes, so that a file that has no lines is
// refused before it fills the memory.
const maxLine = 64 << 20

// openText opens a file of lines, or standard input.
func openText(e *env, path string) (r io.ReadCloser, name string, err error) {
	if isStream(path) {
		return io.NopCloser(e.stdin), standardInput, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w; check the path", path, cause(err))
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, "", fmt.Errorf("%s: it is a folder; give the name of a file in it", path)
	}
	return f, path, nil
}

// eachLine calls do for every line, counted from 1, without its end and without
// a byte order mark. The line is valid during the call. Before it would wait for
// more input it calls idle.
func eachLine(ctx context.Context, r io.Reader, name string, do func(n int, line []byte) error, idle func() error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	var long []byte
	for n := 1; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if in.Buffered() == 0 {
			if err := idle(); err != nil {
				return err
			}
		}
		part, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if len(long)+len(part) > maxLine {
				return fmt.Errorf("%s: line %d has more than %d bytes; is it text, one a line?", name, n, maxLine)
			}
			long = append(long, part...)
			continue
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s: %w; check that it can be read", name, cause(err))
		}
		line := part
		if long != nil {
			line = append(long, part...)
			long = nil
		}
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if err := do(n, line); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		n++
	}
}

// readTexts reads a file of texts, one a line; in a file called *.jsonl a line is
// {"text": "..."}, so that a text may have lines itself. An empty line is an error,
// since leaving it out in silence would number the results differently.
func readTexts(ctx context.Context, e *env, path string) ([]string, error) {
	r, name, err := openText(e, path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var texts []string
	err = eachLine(ctx, r, name, func(n int, line []byte) error {
		if len(bytes.TrimSpace(line)) == 0 {
			return fmt.Errorf("%s: line %d is empty; write a text there or delete the line", name, n)
		}
		s := string(line)
		if strings.EqualFold(filepath.Ext(path), ".jsonl") {
			var err error
			if s, err = textOfJSON(name, n, line); err != nil {
				return err
			}
		}
		texts = append(texts, s)
		return nil
	}, func() error { return nil })
	if err != nil {
		return nil, err
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s: it is empty; write texts into it, one a line", name)
	}
	return texts, nil
}

// textOfJSON returns the text of a line {"text": "..."}, the n-th of a file; other
// keys are ignored.
func textOfJSON(name string, n int, line []byte) (string, error) {
	var in struct {
		Text *string `json:"text"`
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return "", fmt.Errorf(`%s: line %d is not {"text": "..."}: %w; correct it, one JSON object a line`, name, n, plainJSON(err))
	}
	if in.Text == nil {
		return "", fmt.Errorf(`%s: line %d has no "text"; write {"text": "..."}, one object a line`, name, n)
	}
	return *in.Text, nil
}

// plainJSON says what is wrong with a line of JSON without Go's names.
func plainJSON(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("it is a JSON %s", kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("%q is a JSON %s", kind.Field, kind.Value)
	}
	return err
}
