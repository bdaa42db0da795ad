package npz

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

// tight keeps what a fuzzer may spend small.
var tight = Limits{Array: 1 << 20, Total: 4 << 20}

// FuzzNpy reads any bytes as an array. What is accepted has as many elements
// as its shape says and survives being written again.
func FuzzNpy(f *testing.F) {
	f.Add(npy(dict("'>f2'", "True", "(2, 2)"), 1, 2, 3, 4, 5, 6, 7, 8))
	f.Add(npy(dict("'|b1'", "False", "()"), 1))
	f.Add(npy(dict("'<f8'", "False", "(1000000000000, 0)")))
	f.Add(npy(dict("'<f8'", "False", "(1000000000000,)"), 1, 2, 3))
	f.Add(npy(dict("[('a', '<f8')]", "False", "(1,)"), 1, 2, 3, 4, 5, 6, 7, 8))
	for _, name := range []string{"v2.npy", "v3.npy"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)-5])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ReadNpy(bytes.NewReader(data), "x", tight)
		if err == nil {
			check(t, a, len(data))
		}
	})
}

// FuzzNpz reads all arrays of any bytes taken for an archive.
func FuzzNpz(f *testing.F) {
	// Small archives, since the fuzzer is slow on large ones.
	one := npy(dict("'<f8'", "False", "(1,)"), 0, 0, 0, 0, 0, 0, 0xf0, 0x3f)
	zeros := npy(dict("'>i2'", "True", "(64, 8)"), make([]byte, 1024)...)
	whole := archive(f, stored("q.npy", one), deflated(f, "k.npy", zeros))
	f.Add(whole)
	f.Add(whole[:len(whole)-20])
	f.Add(archive(f, deflated(f, "k", zeros).but(func(m *member) { m.expanded = 1 << 40 })))
	f.Add(archive(f, stored("q.npy", one).but(func(m *member) { m.crc++ })))
	f.Add(archive(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := open(data, tight)
		if err != nil {
			return
		}
		for _, name := range file.Names() {
			// Deflate expands to at most 1,032 times its length.
			if a, err := file.Array(name); err == nil {
				check(t, a, 1032*len(data))
			}
		}
	})
}

// check fails when the array contradicts itself or takes more than most bytes.
func check(t *testing.T, a *Array, most int) {
	t.Helper()
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	x := a.Float64()
	if n != a.Len() || n != len(x) || n*a.element.size > most {
		t.Fatalf("%d elements of shape %v from at most %d bytes", a.Len(), a.Shape, most)
	}
	if ints, err := a.Int64(); err == nil && len(ints) != n {
		t.Fatalf("%d integers of %d elements", len(ints), n)
	}
	if n > 0 {
		_ = a.Place(n - 1)
	}
	var b bytes.Buffer
	if err := WriteNpy(&b, a.Shape, x); err != nil {
		return // more dimensions than version 1.0 can express
	}
	again, err := ReadNpy(&b, a.Name, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Shape, a.Shape) || !slices.EqualFunc(again.Float64(), x, same) {
		t.Fatalf("%v of shape %v became %v of shape %v", x, a.Shape, again.Float64(), again.Shape)
	}
}
