package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/input/audio"
)

// recordings are sounds of every kind that is read.
const recordings = "../../input/audio/testdata/"

const rowsWidth = 3

// rowsOf are random rows [n, rowsWidth].
func rowsOf(seed uint64, n int) []float64 {
	rng := rand.New(rand.NewPCG(seed, 2))
	x := make([]float64, n*rowsWidth)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}

// npyOf is an array of rows in float64 whose header says how many they are.
func npyOf(says int, rows []float64) []byte {
	header := fmt.Sprintf("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }", says, rowsWidth)
	header += strings.Repeat(" ", 117-len(header)) + "\n"
	out := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), 0)
	out = append(out, header...)
	for _, v := range rows {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
	}
	return out
}

func writeRows(t *testing.T, path string, rows []float64) string {
	t.Helper()
	return write(t, filepath.Dir(path), filepath.Base(path), string(npyOf(len(rows)/rowsWidth, rows)))
}

// A stream of rows gives what attend --causal gives of their queries, keys and
// values.
func TestAStreamThroughAHeadIsAttendCausal(t *testing.T) {
	const n, d, dv = 30, 2, 2
	dir := t.TempDir()
	x := rowsOf(1, n)
	in := writeRows(t, filepath.Join(dir, "x.npy"), x)
	rng := rand.New(rand.NewPCG(7, 7))
	weights := func(rows, width int) array {
		a := array{shape: []int{rows, width}}
		for range rows * width {
			a.data = append(a.data, rng.NormFloat64())
		}
		return a
	}
	wq, wk, wv, w := weights(d, rowsWidth), weights(d, rowsWidth), weights(dv, rowsWidth), weights(20, d)
	wq.name, wk.name, wv.name, w.name = "W_Q", "W_K", "W_V", "W"
	bk := array{"b_K", []int{d}, []float64{0.5, -0.25}}
	through := func(w array, bias []float64, scale float64) array {
		out := array{shape: []int{n, w.shape[0]}}
		for i := range n {
			for r := range w.shape[0] {
				s := 0.0
				for j := range rowsWidth {
					s += w.data[r*rowsWidth+j] * x[i*rowsWidth+j]
				}
				if bias != nil {
					s += bias[r]
				}
				out.data = append(out.data, s*scale)
			}
		}
		return out
	}
	q, k, v := through(wq, nil, math.Pow(d, -0.25)), through(wk, bk.data, math.Pow(d, -0.25)), through(wv, nil, 1)
	q.name, k.name, v.name = "q", "k", "v"
	drawn := writeNpz(t, filepath.Join(dir, "drawn.npz"), wq, wk, bk, wv)
	withW := writeNpz(t, filepath.Join(dir, "given.npz"), wq, wk, bk, wv, w)
	arrays := map[string]string{
		drawn: writeNpz(t, filepath.Join(dir, "qkv.npz"), q, k, v),
		withW: writeNpz(t, filepath.Join(dir, "qkvw.npz"), q, k, v, w),
	}
	// One row through the identity is its own query, key and value.
	eye := array{"x", []int{n, rowsWidth}, x}
	scaled := through(array{shape: []int{3, 3}, data: []float64{1, 0, 0, 0, 1, 0, 0, 0, 1}}, nil, math.Pow(3, -0.25))
	arrays["identity"] = writeNpz(t, filepath.Join(dir, "eye.npz"),
		array{"q", scaled.shape, scaled.data}, array{"k", scaled.shape, scaled.data}, array{"v", eye.shape, eye.data})
	for head, qkv := range arrays {
		for _, flags := range [][]string{nil, {"--forget", "0.1", "--sigma", "0.5"}, {"--tuning", "positive-cosine", "--seed", "3"}, {"--draw", "orthogonal"}, {"--precision", "float32"}} {
			out, y := filepath.Join(dir, "out.npz"), filepath.Join(dir, "y.npy")
			must(t, append([]string{"attend", qkv, "--causal", "-o", out, "--save-memory", filepath.Join(dir, "attend")}, flags...)...)
			must(t, append([]string{"stream", "--head", head, in, "-o", y, "--save", filepath.Join(dir, "stream")}, flags...)...)
			tolerance := 1e-10 // queries are rounded once more on the way through q, k, v
			if flags != nil && flags[0] == "--precision" {
				tolerance = 1e-3
			}
			near(t, fmt.Sprint(filepath.Base(head), flags, " y"), readNpy(t, y), readNpz(t, out)["y"].Float64(), tolerance)
			// Either memory goes on in the other command.
			must(t, append([]string{"stream", "--head", head, in, "--resume", filepath.Join(dir, "attend")}, flags...)...)
			must(t, append([]string{"attend", qkv, "--causal", "-o", out, "--memory", filepath.Join(dir, "stream")}, flags...)...)
		}
	}
}

func TestAHeadGoesOnInAFileAndOnStandardInput(t *testing.T) {
	const n = 50
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	x := rowsOf(3, n)
	in := writeRows(t, at("x.npy"), x)
	run := func(more ...string) []string {
		return append([]string{"stream", "--head", "identity", "--neurons", "16", "--forget", "0.1"}, more...)
	}
	whole := must(t, run(in, "--save", at("whole"), "-o", at("whole.npy"))...).stdout
	for _, cut := range []int{0, 1, 33, n} {
		head, tail := x[:cut*rowsWidth], x[cut*rowsWidth:]
		first := must(t, run("--file", writeRows(t, at("first.npy"), head), "--save", at("part"), "-o", at("part.npy"))...).stdout
		for name, rest := range map[string][]byte{"the rest": npyOf(0, tail)[128:], "an array": npyOf(0, tail)} {
			o := commandWith(t.Context(), bytes.NewReader(rest), run("--resume", at("part"))...)
			if o.code != exitDone || first+o.stdout != whole || !strings.Contains(o.stderr, fmt.Sprintf("follow row %d", cut)) {
				t.Errorf("cut after %d rows, %s on standard input: code %d, %s", cut, name, o.code, o.stderr)
			}
		}
		rest := must(t, run(in, "--save", at("part"), "--resume", at("part"), "-o", at("part.npy"))...).stdout
		if first+rest != whole || !bytes.Equal(read(t, at("part")), read(t, at("whole"))) || !bytes.Equal(read(t, at("part.npy")), read(t, at("whole.npy"))) {
			t.Errorf("cut after %d rows lines, memory or outputs differ", cut)
		}
	}
}

func TestAnArrayNeedNotKnowItsLength(t *testing.T) {
	x := rowsOf(4, 10)
	run := []string{"stream", "--head", "identity", "--neurons", "8", "--outputs"}
	want := commandWith(t.Context(), bytes.NewReader(npyOf(10, x)), run...)
	if lines := strings.Count(want.stdout, "\n"); want.code != exitDone || lines != 10 || strings.Contains(want.stderr, "header says") {
		t.Fatalf("%d lines, code %d: %s", lines, want.code, want.stderr)
	}
	for _, says := range []int{0, 3, 99} {
		o := commandWith(t.Context(), bytes.NewReader(npyOf(says, x)), run...)
		if note := strings.Contains(o.stderr, "ends after 10 rows, and its header says 99"); o.code != exitDone || o.stdout != want.stdout || note != (says == 99) {
			t.Errorf("a header of %d rows: code %d, %s", says, o.code, o.stderr)
		}
	}
	// What came before a cut is printed and saved.
	memory := filepath.Join(t.TempDir(), "memory")
	data := npyOf(10, x)
	o := commandWith(t.Context(), bytes.NewReader(data[:len(data)-5]), append(run, "--save", memory)...)
	wantFailure(t, outcome{o.code, "", o.stderr}, exitFailed, "ends within row 9")
	if info, err := tripartite.InspectMemory(memory); err != nil || info.Tokens != 9 || strings.Count(o.stdout, "\n") != 9 {
		t.Errorf("a memory of %d rows, %v", info.Tokens, err)
	}
}

// A sound is its log-mel frames, whichever way it comes.
func TestASoundStreamsAsItsFrames(t *testing.T) {
	dir := t.TempDir()
	run := func(more ...string) []string {
		return append([]string{"stream", "--head", "identity", "--neurons", "16", "--precision", "float32", "--quiet"}, more...)
	}
	for _, name := range []string{"tone.wav", "telephone-8000.wav", "stereo-44100.wav", "three-32000.flac"} {
		data := read(t, recordings+name)
		reader, err := audio.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		frames := audio.Default().Frames(reader)
		n, frame := 0, make([]float32, frames.Bins())
		for frames.Next(frame) == nil {
			n++
		}
		memory := filepath.Join(dir, "memory")
		whole := must(t, run(recordings+name, "--save", memory)...).stdout
		if lines := strings.Count(whole, "\n"); lines != n {
			t.Errorf("%s: %d lines for %d frames", name, lines, n)
		}
		if o := must(t, "memory", "info", memory).stdout; !strings.Contains(o, fmt.Sprintf("%d frames of a sound, 128 mel bins", n)) {
			t.Errorf("%s is described as\n%s", name, o)
		}
		if o := commandWith(t.Context(), bytes.NewReader(data), run()...); o.stdout != whole {
			t.Errorf("%s on standard input: code %d, %s", name, o.code, o.stderr)
		}
		if strings.HasSuffix(name, ".wav") && string(data[36:40]) == "data" {
			for _, size := range []string{"\xff\xff\xff\xff", "\x00\x00\x00\x00"} { // as FFmpeg and others write to pipes
				endless := bytes.Clone(data)
				copy(endless[4:], size)
				copy(endless[40:], size)
				if o := commandWith(t.Context(), bytes.NewReader(endless), run()...); o.stdout != whole {
					t.Errorf("%s that says %x: code %d, %s", name, size, o.code, o.stderr)
				}
			}
		}
		// Interrupted after some frames, it goes on to the bit.
		lines := strings.SplitAfter(whole, "\n")
		some := write(t, dir, name, string(data))
		ctx, cancel := context.WithCancel(t.Context())
		first := commandWith(ctx, &stopping{text: string(data[:len(data)/2]), stop: cancel}, run("--save", memory)...)
		if first.code != exitInterrupted || !strings.HasPrefix(whole, first.stdout) || strings.Contains(first.stderr, "context") {
			t.Fatalf("%s interrupted: code %d, %s", name, first.code, first.stderr)
		}
		rest := must(t, run(some, "--resume", memory)...).stdout
		if first.stdout+rest != whole {
			t.Errorf("%s: after %d of %d frames the lines differ", name, strings.Count(first.stdout, "\n"), len(lines)-1)
		}
	}
}

func TestStreamTellsItsInputsApart(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	x := writeRows(t, at("x.npy"), rowsOf(1, 5))
	text := write(t, dir, "book.txt", "In the beginning")
	must(t, "stream", "--head", "identity", x, "--save", at("memory"))
	must(t, streaming(write(t, dir, "ids.txt", "1 2 3"), "--save", at("network"))...)
	wide := writeNpz(t, at("wide.npz"), array{"W_Q", []int{2, 5}, make([]float64, 10)})
	lone := writeNpz(t, at("lone.npz"), array{"W_Q", []int{2, 3}, make([]float64, 6)})
	bias := writeNpz(t, at("bias.npz"), array{"b_V", []int{2}, make([]float64, 2)})
	set := writeRows(t, at("set.npy"), rowsOf(2, 50))
	write(t, dir, "tone.wav", string(read(t, recordings+"tone.wav")))
	h := func(more ...string) []string { return append([]string{"stream", "--head", "identity"}, more...) }
	for name, c := range map[string]struct {
		args  []string
		code  int
		words []string
	}{
		"a file as MODEL":       {[]string{"stream", text}, exitUsage, []string{"a single argument is MODEL", "tripartite stream causal " + text}},
		"two inputs":            {[]string{"stream", "causal", text, "--file", text}, exitUsage, []string{"two inputs"}},
		"two inputs of a head":  {h(x, x), exitUsage, []string{"unexpected argument"}},
		"ids of a head":         {h(x, "--ids"), exitUsage, []string{"--ids is for a network"}},
		"sigma of a network":    {[]string{"stream", "causal", text, "--sigma", "1"}, exitUsage, []string{"--sigma is for --head"}},
		"float64 of a network":  {[]string{"stream", "causal", text, "--precision", "float64"}, exitUsage, []string{"for --head"}},
		"fast of a head":        {h(x, "--precision", "fast"), exitUsage, []string{"is for a network"}},
		"calibrated of a head":  {h(x, "--tuning", "calibrated"), exitUsage, []string{"--calibrate ROWS"}},
		"its own constants":     {h(x, "--calibrate", x), exitUsage, []string{"cannot take constants from the sequence"}},
		"constants of a sound":  {h(x, "--calibrate", at("tone.wav")), exitUsage, []string{"width 128", "same kind"}},
		"gerf without":          {h(x, "--tuning", "gerf"), exitFailed, []string{"gerf_A"}},
		"text":                  {h(text), exitFailed, []string{"book.txt", "WAV and FLAC", ".npy"}},
		"a folder":              {h(dir), exitFailed, []string{"folder"}},
		"nothing":               {h(at("nowhere.npy")), exitFailed, []string{"nowhere.npy", "no such file"}},
		"other width":           {[]string{"stream", "--head", wide, x}, exitFailed, []string{"W_Q is [2,5]", "width 3"}},
		"half a head":           {[]string{"stream", "--head", lone, x}, exitFailed, []string{"queries of width 2", "keys of width 3"}},
		"a bias too short":      {[]string{"stream", "--head", bias, x}, exitFailed, []string{"b_V is [2], want [3]"}},
		"memory of a network":   {h(x, "--resume", at("network")), exitFailed, []string{"whole network"}},
		"memory of a head":      {streaming(at("ids.txt"), "--resume", at("memory")), exitFailed, []string{"no memory of a stream"}},
		"other circuit":         {h(x, "--resume", at("memory"), "--seed", "2"), exitFailed, []string{"memory", "tuning curves differ"}},
		"no memory":             {h(x, "--resume", text), exitFailed, []string{"book.txt"}},
		"a sound after rows":    {h(at("tone.wav"), "--resume", at("memory")), exitFailed, []string{"its input was rows of an array"}},
		"less than before":      {h(writeRows(t, at("less.npy"), rowsOf(1, 2)), "--resume", at("memory")), exitFailed, []string{"less.npy", "5 rows", "the same input"}},
		"memories of two heads": {[]string{"memory", "merge", at("memory"), otherHead(t, dir, x), "-o", at("both")}, exitFailed, []string{"other weights"}},
		"merged with a network": {[]string{"memory", "merge", at("memory"), at("network"), "-o", at("both")}, exitFailed, []string{"whole network"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := files(t, dir)
			wantFailure(t, command(c.args...), c.code, c.words...)
			if after := files(t, dir); len(after) != len(before) {
				t.Errorf("left behind: %v", after)
			}
		})
	}
	if o := must(t, h(x, "--calibrate", set, "--tuning", "gerf")...); strings.Count(o.stdout, "\n") != 5 {
		t.Errorf("calibrated: %s", o.stdout)
	}
	must(t, "memory", "merge", at("memory"), at("memory"), "-o", at("both"))
	if o := must(t, h(x, "--resume", at("both"))...); !strings.HasPrefix(o.stdout, `{"position":10,`) {
		t.Errorf("after merging: %s", o.stdout)
	}
	long := rowsOf(1, 5)
	for i := range long {
		long[i] *= 10
	}
	if o := must(t, h(writeRows(t, at("long.npy"), long))...); !strings.Contains(o.stderr, "|q+k|²") {
		t.Errorf("nothing is said of long rows: %s", o.stderr)
	}
}

// otherHead saves a memory of rows that came through weights that are the identity
// but for a bias.
func otherHead(t *testing.T, dir, in string) string {
	t.Helper()
	head := writeNpz(t, filepath.Join(dir, "other.npz"), array{"b_V", []int{rowsWidth}, []float64{1, 2, 3}})
	path := filepath.Join(dir, "other")
	must(t, "stream", "--head", head, in, "--save", path)
	return path
}

func TestAFullDiskLeavesTheOldMemoryOfAHead(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("skipped: there is no /dev/full")
	}
	dir := t.TempDir()
	memory := filepath.Join(dir, "memory")
	in := writeRows(t, filepath.Join(dir, "x.npy"), rowsOf(1, 30))
	run := func(more ...string) []string { return append([]string{"stream", "--head", "identity", in}, more...) }
	wantFailure(t, command(run("--save", "/dev/full")...), exitFailed, "save memory", "no space left")
	must(t, run("--save", memory)...)
	good := read(t, memory)
	wantFailure(t, command(run("-o", "/dev/full", "--save", memory)...), exitFailed, "states", "no space left")
	if !bytes.Equal(read(t, memory), good) || len(files(t, dir)) != 2 {
		t.Errorf("the old memory has changed, or something was left behind: %v", files(t, dir))
	}
}

// Without MODEL it is the bundled causal model.
func TestStreamRunsCausalByDefault(t *testing.T) {
	const text = "In the beginning God created the heaven and the earth."
	flags := []string{"--tuning", "exp", "--neurons", "16"}
	named := commandWith(t.Context(), strings.NewReader(text), append([]string{"stream", "causal"}, flags...)...)
	if n := strings.Count(named.stdout, "\n"); named.code != exitDone || n != len(text) || named.stderr != "" {
		t.Fatalf("%d lines, code %d: %s", n, named.code, named.stderr)
	}
	unnamed := commandWith(t.Context(), strings.NewReader(text), append([]string{"stream"}, flags...)...)
	if unnamed.stdout != named.stdout || !strings.Contains(unnamed.stderr, "text from standard input with causal") {
		t.Errorf("without MODEL: code %d, %s", unnamed.code, unnamed.stderr)
	}
	file := write(t, t.TempDir(), "text.txt", text)
	if o := must(t, append([]string{"stream", "--file", file}, flags...)...); o.stdout != named.stdout || !strings.Contains(o.stderr, "text.txt") {
		t.Errorf("by --file: %s", o.stderr)
	}
}
