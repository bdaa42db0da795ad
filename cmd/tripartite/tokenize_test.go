package main

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func TestTokenizeAnswersLineByLine(t *testing.T) {
	texts := "\ufeff" + `{"text": "Jesus wept."}` + "\r\n" + `{"id": 7, "text": ""}` + "\n" + `{"text": "the [MASK] and the earth"}` // no newline at the end
	want := must(t, "tokenize", "language", "--file", write(t, t.TempDir(), "texts.jsonl", texts))
	lines := strings.Split(strings.TrimSuffix(want.stdout, "\n"), "\n")
	if len(lines) != 3 || lines[1] != `{"ids":[2,3]}` || !strings.Contains(lines[2], ",4,") || want.stderr != "" {
		t.Errorf("%q (%s)", lines, want.stderr)
	}
	for _, args := range [][]string{{"tokenize", "language"}, {"tokenize", "language", "--file", "-"}, {"tokenize", "language", "--json", "--threads", "1"}} {
		if o := commandWith(t.Context(), strings.NewReader(texts), args...); o.stdout != want.stdout || o.code != exitDone {
			t.Errorf("%v prints %q, want %q", args, o.stdout, want.stdout)
		}
	}
	for _, path := range []string{"../../zoo/language", "../../zoo/language/tokenizer.json"} {
		if o := commandWith(t.Context(), strings.NewReader(texts), "tokenize", path); o.stdout != want.stdout {
			t.Errorf("%s gives %q%s", path, o.stdout, o.stderr)
		}
	}
}

func TestTokenizeTruncates(t *testing.T) {
	o := commandWith(t.Context(), strings.NewReader(`{"text": "In the beginning God created the heaven"}`+"\n"+`{"text": "God"}`), "tokenize", "language", "--max-length", "4")
	first, second, _ := strings.Cut(o.stdout, "\n")
	if strings.Count(first, ",") != 3 || !strings.HasPrefix(first, `{"ids":[2,`) || !strings.HasSuffix(first, ",3]}") || strings.Count(second, ",") != 2 {
		t.Errorf("%q", o.stdout)
	}
	if !strings.Contains(o.stderr, "1 text") || !strings.Contains(o.stderr, "truncated to 4 tokens") {
		t.Errorf("stderr %q", o.stderr)
	}
	if o := commandWith(t.Context(), strings.NewReader(`{"text": "a b c d e"}`), "tokenize", "language", "--max-length", "4", "--quiet"); o.stderr != "" {
		t.Errorf("--quiet prints %q", o.stderr)
	}
}

func TestTokenizeNamesTheLineThatIsWrong(t *testing.T) {
	for _, c := range []struct{ line, words string }{
		{`{"text"`, "unexpected end"},
		{`{"text": "a"} x`, "line 2"},
		{`{"text": 3}`, `"text" is a JSON number`},
		{`{"text": null}`, `no "text"`},
		{`{"txt": "a"}`, `no "text"`},
		{`["a"]`, "JSON array"},
		{"", "line 2 is empty"},
		{"   ", "line 2 is empty"},
		{"\x00\xff", "line 2"},
	} {
		o := commandWith(t.Context(), strings.NewReader("{\"text\": \"a\"}\n"+c.line+"\n"), "tokenize", "language")
		wantFailure(t, o, exitFailed, "standard input", "line 2", c.words)
		if strings.Count(o.stdout, "\n") != 1 {
			t.Errorf("the line before it is lost: %q", o.stdout)
		}
	}
}

func TestTokenizeRefusesWhatIsNoTokenizer(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HF_HUB_CACHE", dir)
	bad := write(t, dir, "tokenizer.json", `{"model": {"type": "Nonsense"}}`)
	for _, c := range []struct{ path, words string }{
		{"nosuch", "bundled are: language"},
		{filepath.Join(dir, "no", "such"), "check the path"},
		{t.TempDir(), "tokenizer.json"},
		{bad, "Nonsense"},
	} {
		wantFailure(t, command("tokenize", c.path), exitFailed, c.words)
	}
	wantFailure(t, command("tokenize", "language", "--file", filepath.Join(dir, "nosuch")), exitFailed, "nosuch", "check the path")
	wantFailure(t, command("tokenize", "language", "--file", dir), exitFailed, "folder")
}

// endless is input without lines.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestALineWithoutEndIsRefusedInTime(t *testing.T) {
	err := eachLine(t.Context(), endless{}, "endless", func(int, []byte) error { return nil }, func() error { return nil })
	if err == nil || !strings.Contains(err.Error(), "line 1 has more than") {
		t.Errorf("%v", err)
	}
}

// A program at the other end of the pipe gets every answer before it must ask
// again.
func TestTokenizeAnswersBeforeItWaits(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	questions, ask := io.Pipe()
	answer, answers := io.Pipe()
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"tokenize", "language"}, questions, answers, io.Discard)
		answers.Close()
	}()
	buf := make([]byte, 1000)
	for range 3 {
		if _, err := io.WriteString(ask, "{\"text\": \"Jesus wept.\"}\n"); err != nil {
			t.Fatal(err)
		}
		n, err := answer.Read(buf)
		if err != nil || !strings.HasPrefix(string(buf[:n]), `{"ids":[2,`) {
			t.Fatalf("%q, %v", buf[:n], err)
		}
	}
	ask.Close()
	if code := <-done; code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
