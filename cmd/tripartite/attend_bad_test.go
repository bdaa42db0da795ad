package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tripartite-go/tripartite/internal/npz"
)

func TestAttendRefusesBadInput(t *testing.T) {
	dir := t.TempDir()
	good := head(4)
	with := func(extra ...array) []array {
		out := append([]array{}, good...)
		for _, e := range extra {
			for i, a := range out {
				if a.name == e.name {
					out = append(out[:i:i], out[i+1:]...)
					break
				}
			}
			out = append(out, e)
		}
		return out
	}
	nan := append([]float64{}, good[1].data...)
	nan[7] = math.NaN()
	inf := append([]float64{}, good[2].data...)
	inf[2] = math.Inf(-1)
	huge := append([]float64{}, good[0].data...)
	huge[0] = 1e300
	zeros := func(n int) []float64 { return make([]float64, n) }
	for _, c := range []struct {
		name   string
		arrays []array
		flags  string
		words  []string
	}{
		{"missing arrays", good[:1], "", []string{"arrays k, v missing", "it has q", "np.savez"}},
		{"no arrays", nil, "", []string{"arrays q, k, v missing", "it is empty"}},
		{"three axes", with(array{"q", []int{1, 4, 3}, good[0].data}), "", []string{"q is [1,4,3]", "[N, d]"}},
		{"one axis", with(array{"v", []int{8}, zeros(8)}), "", []string{"v is [8]", "[N, dv]"}},
		{"other N", with(array{"k", []int{3, 3}, zeros(9)}), "", []string{"q is [4,3] but k is [3,3]"}},
		{"other d", with(array{"k", []int{4, 2}, zeros(8)}), "", []string{"q is [4,3] but k is [4,2]"}},
		{"other N of v", with(array{"v", []int{5, 2}, zeros(10)}), "", []string{"v is [5,2] but q is [4,3]"}},
		{"no tokens", []array{{"q", []int{0, 3}, nil}, {"k", []int{0, 3}, nil}, {"v", []int{0, 2}, nil}}, "", []string{"q is [0,3]", "empty"}},
		{"no width", with(array{"v", []int{4, 0}, nil}), "", []string{"v is [4,0]", "empty"}},
		{"NaN", with(array{"k", []int{4, 3}, nan}), "", []string{"k[2,1] is NaN", "np.isfinite(k)"}},
		{"infinity", with(array{"v", []int{4, 2}, inf}), "", []string{"v[1,0] is -Inf"}},
		{"beyond float32", with(array{"q", []int{4, 3}, huge}), "--precision float32", []string{"q[0,0]", "1e+300", "float32"}},
		{"W of other width", with(array{"W", []int{5, 2}, zeros(10)}), "", []string{"W is [5,2] but q is [4,3]", "d=3"}},
		{"W without rows", with(array{"W", []int{0, 3}, nil}), "", []string{"W is [0,3]", "empty"}},
		{"W and --neurons", with(array{"W", []int{5, 3}, zeros(15)}), "--neurons 6", []string{"6 neurons", "W has 5 rows", "--neurons"}},
		{"more neurons than fit", good, "--neurons 1000000000000", []string{"1000000000000 neurons", "--neurons 1 to 1048576"}},
		{"a neuron too many", good, "--neurons 1048577", []string{"1048577 neurons", "--neurons 1 to 1048576"}},
		{"too wide to calibrate", []array{{"q", []int{1, 5000}, zeros(5000)}, {"k", []int{1, 5000}, zeros(5000)}, {"v", []int{1, 1}, zeros(1)}}, "--calibrate", []string{"d is 5000", "4096"}},
		{"b without W", with(array{"b", []int{5}, zeros(5)}), "", []string{"b [5]", "no weights W"}},
		{"b of other length", with(array{"W", []int{5, 3}, zeros(15)}, array{"b", []int{4}, zeros(4)}), "", []string{"b is [4] but W is [5,3]"}},
		{"b of two axes", with(array{"W", []int{5, 3}, zeros(15)}, array{"b", []int{5, 1}, zeros(5)}), "", []string{"b is [5,1]"}},
		{"gerf_A above 0", with(array{"gerf_A", nil, []float64{0.1}}), "--tuning gerf", []string{"gerf_A", "0.1", "at most 0"}},
		{"gerf_A of other length", with(array{"gerf_A", []int{2}, zeros(2)}), "--tuning gerf", []string{"gerf_A is [2]", "[3]"}},
		{"gerf, causal, without A", good, "--tuning gerf --causal", []string{"gerf_A", "calibration set"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := writeNpz(t, filepath.Join(dir, "in.npz"), c.arrays...)
			out := t.TempDir()
			o := command(append([]string{"attend", in, "-o", filepath.Join(out, "out.npz")}, strings.Fields(c.flags)...)...)
			wantFailure(t, o, exitFailed, c.words...)
			wantNoFiles(t, out)
		})
	}
}

func TestAttendRefusesBadFiles(t *testing.T) {
	dir := t.TempDir()
	in := writeNpz(t, filepath.Join(dir, "in.npz"), head(4)...)
	set := writeNpz(t, filepath.Join(dir, "set.npz"), array{"q", []int{2, 2}, make([]float64, 4)}, array{"k", []int{2, 2}, make([]float64, 4)})
	text := write(t, dir, "text.npz", "q k v")
	object := zipOf(t, filepath.Join(dir, "object.npz"), "q.npy", npyHeader("|O", "(1,)")+"pickle", 0)
	const bombBytes = 80 << 20
	bomb := zipOf(t, filepath.Join(dir, "bomb.npz"), "q.npy", npyHeader("<f8", fmt.Sprintf("(%d, 1)", bombBytes/8)), bombBytes)
	for _, c := range []struct {
		in, flags string
		words     []string
	}{
		{filepath.Join(dir, "nosuch.npz"), "", []string{"nosuch.npz", "no such file"}},
		{dir, "", []string{"folder"}},
		{text, "", []string{"text.npz", "no .npz file"}},
		{object, "", []string{"object.npz", `"q"`, "Python objects"}},
		{bomb, "", []string{"bomb.npz", `"q"`, "zip bomb"}},
		{in, "--calibrate=" + filepath.Join(dir, "nosuch.npz"), []string{"nosuch.npz"}},
		{in, "--calibrate=" + set, []string{"d=2", "d=3"}},
		{in, "--memory " + text, []string{"text.npz"}},
		{in, "--memory " + filepath.Join(dir, "nosuch"), []string{"nosuch"}},
	} {
		out := t.TempDir()
		o := command(append([]string{"attend", c.in, "-o", filepath.Join(out, "out.npz")}, strings.Fields(c.flags)...)...)
		wantFailure(t, o, exitFailed, c.words...)
		wantNoFiles(t, out)
	}
}

// npyHeader is the beginning of an .npy file.
func npyHeader(descr, shape string) string {
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape)
	return "\x93NUMPY\x01\x00" + string([]byte{byte(len(text)), byte(len(text) >> 8)}) + text
}

// zipOf writes an .npz file whose members q, k and v are all the same: a start,
// then zeros, compressed.
func zipOf(t *testing.T, path, name, start string, zeros int) string {
	t.Helper()
	var file bytes.Buffer
	z := zip.NewWriter(&file)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(start)); err != nil {
		t.Fatal(err)
	}
	for chunk := make([]byte, 1<<20); zeros > 0; zeros -= len(chunk) {
		if _, err := w.Write(chunk[:min(zeros, len(chunk))]); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []string{"k.npy", "v.npy"} {
		w, err := z.Create(other)
		if err != nil {
			t.Fatal(err)
		}
		if err := npz.WriteNpy(w, []int{1, 1}, []float64{1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Dir(path), filepath.Base(path), file.String())
}

func TestAttendLeavesTheOldOutputWhereItCannotWrite(t *testing.T) {
	dir := t.TempDir()
	in := writeNpz(t, filepath.Join(dir, "in.npz"), head(4)...)
	o := command("attend", in, "-o", filepath.Join(dir, "no", "such", "out.npz"))
	wantFailure(t, o, exitFailed, "there is no folder "+filepath.Join(dir, "no", "such")+"; create it first")
	if strings.Contains(o.lastLine(), "check") {
		t.Errorf("two remedies: %s", o.lastLine())
	}
	wantFailure(t, command("attend", in, "-o", dir), exitFailed, "folder")
	wantFailure(t, command("attend", in, "-o", filepath.Join(dir, "out.npz"), "--save-memory", filepath.Join(dir, "no", "m")), exitFailed, "no folder")
	// A failing run leaves the old file.
	old := write(t, dir, "old.npz", "old")
	wantFailure(t, command("attend", in, "--neurons", "5", "--memory", in, "-o", old), exitFailed)
	if data, err := os.ReadFile(old); err != nil || string(data) != "old" {
		t.Errorf("the old output is now %q (%v)", data, err)
	}
	if names := files(t, dir); len(names) != 2 {
		t.Errorf("left behind: %v", names)
	}
}

// Ctrl-C in the middle of the work: exact attention over so many tokens takes a
// second or more.
func TestCtrlCInTheMiddleLeavesNoFiles(t *testing.T) {
	dir := t.TempDir()
	in := writeNpz(t, filepath.Join(dir, "in.npz"), head(8_000)...)
	out := t.TempDir()
	for _, threads := range []string{"1", "2"} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		o := commandWith(ctx, nil, "attend", in, "--neurons", "1", "--threads", threads, "-o", filepath.Join(out, "out.npz"), "--save-memory", filepath.Join(out, "m"))
		cancel()
		wantFailure(t, o, exitInterrupted, "interrupted")
		wantNoFiles(t, out)
	}
}
