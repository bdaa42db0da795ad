package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/tripartite-go/tripartite"
	tokens "github.com/tripartite-go/tripartite/input/text"
	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/stream"
	"github.com/tripartite-go/tripartite/zoo/causal"
)

const bloom = "../../model/testdata/bloom"

// idText writes random ids as text.
func idText(seed uint64, n int) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "%d ", rng.IntN(61))
	}
	return b.String()
}

// streaming are the arguments of a stream of ids through small circuits.
func streaming(input string, more ...string) []string {
	return append([]string{"stream", bloom, input, "--ids", "--tuning", "exp", "--neurons", "16"}, more...)
}

// lineOf is what a line of a stream holds.
type lineOf struct {
	Position       int
	ID             int
	LogProbability *float64   `json:"log_probability"`
	LogCalcium     []*float64 `json:"log_calcium"`
}

func parseLines(t *testing.T, out string) []lineOf {
	t.Helper()
	var all []lineOf
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var l lineOf
		if err := d.Decode(&l); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAStreamPrintsALineForEveryToken(t *testing.T) {
	dir := t.TempDir()
	in := write(t, dir, "ids.txt", "[3, 1,4]\n1 5")
	all := parseLines(t, must(t, streaming(in)...).stdout)
	if len(all) != 5 {
		t.Fatalf("%d lines", len(all))
	}
	for i, id := range []int{3, 1, 4, 1, 5} {
		l := all[i]
		if l.Position != i || l.ID != id || len(l.LogCalcium) != 2 || l.LogCalcium[0] == nil {
			t.Errorf("line %d: %+v", i, l)
		}
		if predicted := l.LogProbability != nil; predicted != (i > 0) || predicted && !(*l.LogProbability < 0) {
			t.Errorf("line %d: log probability %v", i, l.LogProbability)
		}
	}
	some := must(t, streaming(in, "--every", "2")...).stdout
	if lines := strings.SplitAfter(must(t, streaming(in)...).stdout, "\n"); some != lines[1]+lines[3] {
		t.Errorf("every second line is\n%s", some)
	}
}

func TestAResumedStreamGoesOnToTheBit(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	text := idText(1, 300)
	in := write(t, dir, "ids.txt", text)
	whole := must(t, streaming(in, "--save", at("whole"), "-o", at("whole.npy"))...).stdout
	// In a file that grows, and on standard input.
	for _, cut := range []int{0, 1, 100, 299} {
		words := strings.SplitAfter(text, " ")
		first := write(t, dir, "first.txt", strings.Join(words[:cut], ""))
		out := must(t, streaming(first, "--save", at("part"), "-o", at("part.npy"))...).stdout
		copyFile(t, at("part"), at("stdin"))
		write(t, dir, "first.txt", text)
		rest := must(t, streaming(first, "--save", at("part"), "--resume", at("part"), "-o", at("part.npy"))...).stdout
		if out+rest != whole {
			t.Errorf("cut after %d tokens the lines differ", cut)
		}
		if !bytes.Equal(read(t, at("part")), read(t, at("whole"))) {
			t.Errorf("cut after %d tokens the memory differs", cut)
		}
		if !bytes.Equal(read(t, at("part.npy")), read(t, at("whole.npy"))) {
			t.Errorf("cut after %d tokens the states differ", cut)
		}
		o := commandWith(t.Context(), strings.NewReader(strings.Join(words[cut:], "")), streaming("-", "--resume", at("stdin"), "--save", at("stdin"))...)
		if o.code != exitDone || out+o.stdout != whole || !strings.Contains(o.stderr, fmt.Sprintf("go on at byte %d", len(strings.Join(words[:cut], "")))) {
			t.Errorf("cut after %d tokens, from standard input: code %d, %s", cut, o.code, o.stderr)
		}
	}
	states := readNpy(t, at("whole.npy"))
	if fmt.Sprint(states.Shape) != "[300 24]" {
		t.Errorf("states of shape %v", states.Shape)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.WriteFile(to, read(t, from), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestAKilledStreamResumesAsIfNothingHappened kills a network's stream at random
// moments; see killedStream.
func TestAKilledStreamResumesAsIfNothingHappened(t *testing.T) {
	const tokens = 20000
	in := write(t, t.TempDir(), "ids.txt", idText(2, tokens))
	killedStream(t, streaming(in), tokens, func(path string) int {
		info, err := stream.Inspect(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Tokens
	})
}

// TestAKilledHeadResumesAsIfNothingHappened does the same to one head.
func TestAKilledHeadResumesAsIfNothingHappened(t *testing.T) {
	const rows = 40000
	in := writeRows(t, filepath.Join(t.TempDir(), "x.npy"), rowsOf(2, rows))
	killedStream(t, []string{"stream", "--head", "identity", in, "--neurons", "64", "--forget", "0.01"}, rows, func(path string) int {
		info, err := tripartite.InspectMemory(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Tokens
	})
}

// killedStream kills a stream of so many lines at random moments with SIGKILL,
// which no program notices, until it has come to the end. TRIPARTITE_KILLS says
// how often, at least. A memory holds as many tokens as inspect says.
func killedStream(t *testing.T, command []string, tokens int, inspect func(path string) int) {
	if runtime.GOOS == "windows" || testing.Short() {
		t.Skip("skipped: it kills many processes")
	}
	kills := 20
	if n, err := strconv.Atoi(os.Getenv("TRIPARTITE_KILLS")); err == nil {
		kills = n
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	with := func(more ...string) []string { return slices.Concat(command, more) }
	whole := must(t, with("--save", at("whole"), "--save-every", "50", "-o", at("whole.npy"))...).stdout
	wantLines, wantMemory, wantStates := strings.SplitAfter(whole, "\n"), read(t, at("whole")), read(t, at("whole.npy"))
	rng := rand.New(rand.NewPCG(3, 4))
	longest := 400 * time.Millisecond // of a life: a few to a stream, later more
	for killed := 0; killed < kills; {
		os.Remove(at("memory"))
		for done := false; !done; {
			args := with("--save", at("memory"), "--save-every", "50", "-o", at("states.npy"))
			from := 0
			if _, err := os.Stat(at("memory")); err == nil {
				args = append(args, "--resume", at("memory"))
				from = inspect(at("memory"))
			}
			if killed >= kills { // to the end
				longest = time.Hour
			}
			out, ended := killedAfter(t, time.Duration(rng.Int64N(int64(longest))), args)
			// Whole lines are those of the whole stream, from the memory on.
			lines := strings.SplitAfter(out, "\n")
			for i, l := range lines[:len(lines)-1] {
				if l != wantLines[from+i] {
					t.Fatalf("resumed after %d tokens, line %d is %q, want %q", from, i, l, wantLines[from+i])
				}
			}
			if done = ended; !done {
				killed++
				t.Logf("killed after %d lines", from+len(lines)-1)
				if _, err := os.Stat(at("memory")); err == nil && inspect(at("memory")) > from+len(lines)-1 {
					t.Fatalf("the memory has %d tokens, and only %d lines were written", inspect(at("memory")), from+len(lines)-1)
				}
			} else if from+len(lines)-1 != tokens {
				t.Fatalf("the last part ends after %d tokens", from+len(lines)-1)
			}
		}
		if !bytes.Equal(read(t, at("memory")), wantMemory) {
			t.Fatal("the memory is not that of a stream that was not killed")
		}
		if !bytes.Equal(read(t, at("states.npy")), wantStates) {
			t.Fatal("the states are not those of a stream that was not killed")
		}
		if names := files(t, dir); len(names) != 4 { // memory and states of both
			t.Fatalf("left behind: %v", names)
		}
		longest = max(longest/2, 100*time.Millisecond)
	}
}

// killedAfter runs the command in a process of its own and kills it after a
// while. It returns what came on standard output, and whether it had ended before.
func killedAfter(t *testing.T, after time.Duration, args []string) (out string, ended bool) {
	t.Helper()
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = c.Process.Kill() })
	err := c.Wait()
	timer.Stop()
	if err != nil && c.ProcessState.ExitCode() >= 0 {
		t.Fatalf("the command failed: %v: %s", err, stderr.String())
	}
	return stdout.String(), err == nil
}

func TestCtrlCSavesTheMemory(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "memory")
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	go func() {
		fmt.Fprint(w, idText(5, 20))
		cancel()
	}()
	o := commandWith(ctx, r, streaming("-", "--save", at)...)
	if o.code != exitInterrupted || strings.Contains(o.stderr, "context") {
		t.Fatalf("exit code %d: %s", o.code, o.stderr)
	}
	info, err := stream.Inspect(at)
	if n := strings.Count(o.stdout, "\n"); err != nil || info.Tokens != n {
		t.Errorf("%d lines, a memory of %d tokens, %v", n, info.Tokens, err)
	}
	if names := files(t, dir); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

func TestMemoriesThatAStreamRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	in := write(t, dir, "ids.txt", idText(1, 30))
	must(t, streaming(in, "--save", at("memory"))...)
	good := read(t, at("memory"))
	write(t, dir, "short", string(good[:len(good)-8]))
	write(t, dir, "text", "no memory")
	shift := bytes.Clone(good)
	copy(shift[len(shift)-8:], "\xff\xff\xff\xff\xff\xff\xff\xff") // NaN
	write(t, dir, "nan", string(shift))
	must(t, "attend", "../../testdata/algebraic.npz", "-o", at("out.npz"), "--save-memory", at("head"))
	other := func(args ...string) []string { return append(args, "--save", at("memory")) }
	for name, c := range map[string]struct {
		args  []string
		words []string
	}{
		"other curves":  {streaming(in, "--resume", at("memory"), "--seed", "2"), []string{"other circuits", "seed 1", "seed 2", "--tuning"}},
		"other neurons": {streaming(in, "--resume", at("memory"), "--neurons", "8"), []string{"other circuits", "16 neurons", "8 neurons"}},
		"other model":   {[]string{"stream", bloom + "-odd", in, "--ids", "--tuning", "exp", "--resume", at("memory")}, []string{"another model", "bloom-odd"}},
		"short":         {streaming(in, "--resume", at("short")), []string{"short", "truncated"}},
		"no memory":     {streaming(in, "--resume", at("text")), []string{"text"}},
		"damaged":       {streaming(in, "--resume", at("nan")), []string{"nan", "damaged"}},
		"of a head":     {streaming(in, "--resume", at("head")), []string{"no memory of a stream"}},
		"missing":       {streaming(in, "--resume", at("nowhere")), []string{"there is no such file"}},
		"exact heads":   {streaming(in, "--attention", "algebraic,1.2=exact"), []string{"layer 1, head 2 is no circuit"}},
		"shorter input": {streaming(write(t, dir, "few.txt", "1 2"), "--resume", at("memory")), []string{"few.txt", "the same input"}},
		"other states":  {streaming(in, "--resume", at("memory"), "-o", at("short")), []string{"states", "the stream wrote"}},
		"GPT-2":         {[]string{"stream", "../../model/testdata/gpt2", in, "--ids", "--tuning", "exp", "--save", at("gpt2")}, []string{"20 positions", "bundled causal"}},
		"an encoder":    {[]string{"stream", "../../model/testdata/bert", in, "--ids", "--tuning", "exp"}, []string{"not causal", "the bundled one, causal"}},
		"foreign id":    {streaming(write(t, dir, "foreign.txt", "1 2 61")), []string{"token 2", "is 61", "0 to 60"}},
		"no id":         {streaming(write(t, dir, "word.txt", "1 two")), []string{"word.txt: byte 2"}},
		"merge":         {[]string{"memory", "merge", at("memory"), at("memory"), "-o", at("both")}, []string{"do not add", "--resume"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := files(t, dir)
			args := c.args
			if args[0] == "stream" && name != "GPT-2" && name != "foreign id" && name != "no id" {
				args = other(args...)
			}
			wantFailure(t, command(args...), exitFailed, c.words...)
			if !bytes.Equal(read(t, at("memory")), good) {
				t.Error("the old memory has changed")
			}
			if after := files(t, dir); len(after) != len(before) && name != "GPT-2" {
				t.Errorf("left behind: %v", after)
			}
		})
	}
	if info, err := stream.Inspect(at("gpt2")); err != nil || info.Tokens != 20 {
		t.Errorf("of GPT-2 %d tokens are kept, %v", info.Tokens, err)
	}
	if o := must(t, "memory", "info", at("memory")).stdout; !strings.Contains(o, "tokens       30, ") || !strings.Contains(o, "bloom (") {
		t.Errorf("a memory is described as\n%s", o)
	}
}

func TestAFullDiskLeavesTheOldMemory(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("skipped: there is no /dev/full")
	}
	dir := t.TempDir()
	in := write(t, dir, "ids.txt", idText(1, 30))
	wantFailure(t, command(streaming(in, "--save", "/dev/full")...), exitFailed, "save memory", "no space left")
	memory := filepath.Join(dir, "memory")
	must(t, streaming(in, "--save", memory)...)
	good := read(t, memory)
	wantFailure(t, command(streaming(in, "-o", "/dev/full", "--save", memory)...), exitFailed, "states", "no space left on device; check where it leads and whether there is room")
	if !bytes.Equal(read(t, memory), good) || len(files(t, dir)) != 2 {
		t.Errorf("the old memory has changed, or something was left behind: %v", files(t, dir))
	}
}

func TestWhereNothingCanBeSavedNothingBegins(t *testing.T) {
	dir := t.TempDir()
	in := write(t, dir, "ids.txt", idText(1, 30))
	rows := writeRows(t, filepath.Join(dir, "x.npy"), rowsOf(1, 30))
	for _, args := range [][]string{streaming(in), {"stream", "--head", "identity", rows}} {
		o := command(append(args, "--save", filepath.Join(dir, "no", "memory"))...)
		wantFailure(t, o, exitFailed, "save memory", "there is no folder "+filepath.Join(dir, "no")+"; create it first")
		if o.stdout != "" {
			t.Errorf("a stream whose memory cannot be saved printed %.80s", o.stdout)
		}
		wantFailure(t, command(append(args, "--save", dir)...), exitFailed, "it is a folder")
	}
}

func TestTheLiveLine(t *testing.T) {
	var err bytes.Buffer
	e := &env{stderr: &err, terminal: true}
	now := time.Unix(0, 0)
	update, end := e.live("tokens", func() time.Time { return now })
	update(stream.Status{Tokens: 1000})
	now = now.Add(time.Second)
	update(stream.Status{Tokens: 1500, Bytes: 64, LogCalcium: 2.5})
	end()
	if s := err.String(); !strings.HasPrefix(s, "\r1500 tokens, 501 tokens/s, 64 bytes of memory, log calcium 2.500 ") || !strings.HasSuffix(s, "\r") {
		t.Errorf("the line is %q", s)
	}
	e.quiet = true
	if update, _ := e.live("tokens", time.Now); update != nil {
		t.Error("--quiet shows a line")
	}
}

func readNpy(t *testing.T, path string) *npz.Array {
	t.Helper()
	a, err := npz.ReadNpy(bytes.NewReader(read(t, path)), path, npz.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// bytesBloom makes a folder with a random BLOOM whose tokens are bytes: the
// weights of the tests of package model, but for the words.
func bytesBloom(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	config := strings.Replace(string(read(t, bloom+"/config.json")), `"vocab_size": 61`, `"vocab_size": 256`, 1)
	write(t, dir, "config.json", config)
	from, err := safetensors.Open(bloom + "/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	var tensors []safetensors.Tensor
	for _, info := range from.Tensors() {
		data, err := from.Float32(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		if shape := info.Shape; len(shape) == 2 && shape[0] == 61 {
			rng := rand.New(rand.NewPCG(1, 2))
			data = make([]float32, 256*shape[1])
			for i := range data {
				data[i] = float32(rng.NormFloat64())
			}
			info.Shape = []int{256, shape[1]}
		}
		tensors = append(tensors, safetensors.New(info.Name, info.Shape, data))
	}
	if err := safetensors.WriteFile(filepath.Join(dir, "model.safetensors"), tensors, nil); err != nil {
		t.Fatal(err)
	}
	// The characters that stand for bytes, in the order of GPT-2's vocabulary.
	vocab := map[string]int{}
	for _, r := range [][2]rune{{'!', '~'}, {0xA1, 0xAC}, {0xAE, 0xFF}, {0x100, 0x143}} {
		for c := r[0]; c <= r[1]; c++ {
			vocab[string(c)] = len(vocab)
		}
	}
	tokenizer, err := json.Marshal(map[string]any{
		"model":         map[string]any{"type": "BPE", "vocab": vocab, "merges": []string{}},
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
		"decoder":       map[string]any{"type": "ByteLevel"},
		"added_tokens":  []any{},
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "tokenizer.json", string(tokenizer))
	return dir
}

// Tokens are decoded as in the midst of a text, whatever marks words.
func TestTextsOfTokens(t *testing.T) {
	packed, err := os.Open("../../input/text/testdata/bpe/llama2.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	llama, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		model fs.FS
		texts map[string]string
	}{
		"bytes":         {causal.Files(), map[string]string{"Ċ": "\n", "Ġ": " ", "a": "a", "Ã": ""}},
		"WordPiece":     {os.DirFS("../../zoo/language"), map[string]string{"the": " the", "##s": "s", "[CLS]": ""}},
		"SentencePiece": {fstest.MapFS{"tokenizer.json": {Data: llama}}, map[string]string{"▁the": " the", "a": "a", "<0x0A>": "\n", "<0xC3>": ""}},
	} {
		tok, err := tokens.Load(c.model)
		if err != nil {
			t.Fatal(err)
		}
		of := texts(tok)
		for token, want := range c.texts {
			id, ok := tok.ID(token)
			if got := of(id); !ok || got != want || of(id) != want {
				t.Errorf("%s: %q is %q, want %q", name, token, got, want)
			}
		}
	}
}

func TestTextGoesOnWhereItWasCutOff(t *testing.T) {
	folder, dir := bytesBloom(t), t.TempDir()
	memory := filepath.Join(dir, "memory")
	const text = "The quick brown fox, the “lazy” dog:\n  42 tails — and 日本 on\ttop.\n"
	in := write(t, dir, "text.txt", text)
	run := func(input string, more ...string) []string {
		return append([]string{"stream", folder, input, "--tuning", "exp", "--neurons", "16"}, more...)
	}
	whole := must(t, run(in)...).stdout
	lines := strings.SplitAfter(whole, "\n")
	if len(lines)-1 != len(text) {
		t.Fatalf("%d lines for %d bytes", len(lines)-1, len(text))
	}
	var last struct {
		Token, Text string
		Bits        float64 `json:"bits_per_byte"`
	}
	read := ""
	for _, l := range lines[:len(text)] {
		last.Text = ""
		if err := json.Unmarshal([]byte(l), &last); err != nil {
			t.Fatal(err)
		}
		read += last.Text
	}
	ascii := strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return -1
		}
		return r
	}, text)
	if read != ascii {
		t.Errorf("the texts of all tokens are %q, want %q", read, ascii)
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-2]), &last); err != nil || last.Token != "Ċ" {
		t.Errorf("the last line is %+v, %v", last, err)
	}
	var nats float64
	for _, l := range parseLines(t, whole)[1:] {
		nats -= *l.LogProbability
	}
	if want := nats / math.Ln2 / float64(len(text)); !(math.Abs(last.Bits-want) <= 1e-5*want) {
		t.Errorf("%v bits per byte, want %v", last.Bits, want)
	}
	// Stopped wherever it may be, within a word or a character.
	for cut := range len(text) {
		ctx, cancel := context.WithCancel(t.Context())
		first := commandWith(ctx, &stopping{text: text[:cut], stop: cancel}, run("-", "--save", memory)...)
		if first.code != exitInterrupted {
			t.Fatalf("cut after %d bytes: exit code %d: %s", cut, first.code, first.stderr)
		}
		rest := must(t, run(in, "--resume", memory)...).stdout
		if first.stdout+rest != whole {
			t.Fatalf("cut after %d bytes the lines differ", cut)
		}
	}
}

// stopping is a reader that calls stop after its text and then waits for ever.
type stopping struct {
	text string
	stop func()
}

func (s *stopping) Read(p []byte) (int, error) {
	if s.text == "" {
		s.stop()
		select {}
	}
	n := copy(p, s.text)
	s.text = s.text[n:]
	return n, nil
}

func TestCalibrationBelongsToTheMemory(t *testing.T) {
	folder, dir := bytesBloom(t), t.TempDir()
	memory := filepath.Join(dir, "memory")
	in := write(t, dir, "text.txt", "In the beginning")
	some := write(t, dir, "some.txt", "God created the heaven\nand the earth\n")
	other := write(t, dir, "other.txt", "And God said, Let there be light\n")
	o := must(t, "stream", folder, in, "--neurons", "8", "--calibrate", some, "--save", memory)
	if n := strings.Count(o.stdout, "\n"); n != 16 {
		t.Errorf("%d lines", n)
	}
	must(t, "stream", folder, in, "--neurons", "8", "--calibrate", some, "--resume", memory)
	wantFailure(t, command("stream", folder, in, "--neurons", "8", "--calibrate", other, "--resume", memory),
		exitFailed, "other circuits", "--calibrate")
	wantFailure(t, command("stream", folder, in, "--ids", "--neurons", "8", "--calibrate", some, "--resume", memory),
		exitFailed, "its input was text and is ids now")
	wantFailure(t, command("stream", folder, in, "--save-every", "5"), exitUsage, "--save FILE")
	wantFailure(t, command("stream", folder, in, "-o", "-"), exitUsage, "standard streams")
}
