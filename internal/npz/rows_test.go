package npz

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// npyRows writes rows [n, 2] of float32 under a header that says anything.
func npyRows(header string, values ...float32) []byte {
	header += strings.Repeat(" ", 117-len(header)) + "\n"
	out := append([]byte(magic+"\x01\x00"), byte(len(header)), 0)
	out = append(out, header...)
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

func saying(n int) string {
	return fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 2), }", n)
}

// rest reads all rows, and how that ends.
func rest(r *Rows) (all []float64, err error) {
	row := make([]float64, r.Format().Width)
	for {
		if err := r.Next(row); err != nil {
			return all, err
		}
		all = append(all, row...)
	}
}

func TestRowsComeUntilTheInputEnds(t *testing.T) {
	want := []float64{1, 2, 3, 4, 5, 6}
	for _, says := range []int{0, 2, 3, 1000} {
		data := npyRows(saying(says), 1, 2, 3, 4, 5, 6)
		r, err := NewRows(iotest.OneByteReader(bytes.NewReader(data)), "x")
		if err != nil {
			t.Fatal(err)
		}
		got, err := rest(r)
		if err != io.EOF || !slices.Equal(got, want) || r.Declared() != says || r.Format() != (RowFormat{"<f4", 2}) {
			t.Errorf("of %d rows: %v, %v", says, got, err)
		}
		file := bytes.NewReader(data)
		if err := r.Seek(file, 1); err != nil {
			t.Fatal(err)
		}
		if got, err := rest(r); err != io.EOF || !slices.Equal(got, want[2:]) {
			t.Errorf("from row 1: %v, %v", got, err)
		}
	}
}

func TestRowsOfEveryTypeAndOrder(t *testing.T) {
	for descr, row := range map[string]string{
		"<f2": "\x00\x3c\x00\xc0", ">f2": "\x3c\x00\xc0\x00", "<f8": "\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\xc0",
		"|i1": "\x01\xfe", ">i2": "\x00\x01\xff\xfe",
	} {
		data := append(npyRows(strings.Replace(saying(1), "<f4", descr, 1)), row...)
		r, err := NewRows(bytes.NewReader(data), "x")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := rest(r); err != io.EOF || !slices.Equal(got, []float64{1, -2}) || r.Format().Type != descr {
			t.Errorf("%s: %v, %v", descr, got, err)
		}
		c, err := ContinueRows(strings.NewReader(row), "x", r.Format(), 7)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := rest(c); err != io.EOF || !slices.Equal(got, []float64{1, -2}) {
			t.Errorf("%s without a header: %v, %v", descr, got, err)
		}
	}
}

func TestRowsThatAreRefused(t *testing.T) {
	nan := float32(math.NaN())
	for want, data := range map[string][]byte{
		"ends within row 1, after 3 of its 8 bytes": npyRows(saying(2), 1, 2, 3)[:128+11],
		"row 1, column 0 is NaN":                    npyRows(saying(2), 1, 2, nan, 4),
		"two axes":                                  npyRows("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", 1, 2),
		"Fortran order":                             npyRows("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", 1, 2, 3, 4),
		"width 0":                                   npyRows("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0), }"),
		"width 99999999":                            npyRows("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 99999999), }"),
		"not in NumPy's .npy format":                []byte("some text"),
		"truncated":                                 npyRows(saying(2))[:50],
	} {
		r, err := NewRows(bytes.NewReader(data), "x.npy")
		if err == nil {
			_, err = rest(r)
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "x.npy: ") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestRowsGoOnWithAHeaderOrWithout(t *testing.T) {
	whole := npyRows(saying(2), 1, 2, 3, 4)
	for name, data := range map[string][]byte{"the rest": whole[128:], "more": whole} {
		r, err := ContinueRows(bytes.NewReader(data), "x", RowFormat{"<f4", 2}, 5)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := rest(r); err != io.EOF || !slices.Equal(got, []float64{1, 2, 3, 4}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := ContinueRows(bytes.NewReader(whole), "x", RowFormat{"<f8", 2}, 5); err == nil || !strings.Contains(err.Error(), "<f4 of width 2, and those before were <f8") {
		t.Errorf("another type: %v", err)
	}
}

func TestARowAllocatesNothing(t *testing.T) {
	r, err := NewRows(bytes.NewReader(append(npyRows(saying(0)), make([]byte, 8*2000)...)), "x")
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float64, 2)
	if n := testing.AllocsPerRun(1000, func() {
		if err := r.Next(row); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Rows come to an end or to an error, whatever the bytes are.
func FuzzRows(f *testing.F) {
	f.Add(npyRows(saying(2), 1, 2, 3, 4))
	f.Add(npyRows(saying(0), 1, 2, 3)[:128+9])
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewRows(bytes.NewReader(data), "x")
		if err != nil {
			return
		}
		if got, err := rest(r); err == io.EOF && len(data) != int(r.Offset(len(got)/r.Format().Width)) {
			t.Errorf("%d numbers of %d bytes", len(got), len(data))
		}
	})
}
