package tensor

import "fmt"

// Matrix is a row-major matrix or a view of one: element (i, j) is
// Data[i*Stride+j]. It is passed by value; views share Data.
type Matrix struct {
	Rows, Cols int
	// Stride is the distance between the beginnings of two rows, at least Cols.
	Stride int
	Data   []float32
}

// New returns a matrix of zeros.
func New(rows, cols int) Matrix {
	if rows < 0 || cols < 0 {
		panic(fmt.Sprintf("tensor: New(%d, %d): negative size", rows, cols))
	}
	return Matrix{Rows: rows, Cols: cols, Stride: cols, Data: make([]float32, rows*cols)}
}

// NewLasting is New for numbers that stay for long, such as weights: large ones
// lie in huge pages where the system offers them.
func NewLasting(rows, cols int) Matrix {
	if rows < 0 || cols < 0 {
		panic(fmt.Sprintf("tensor: NewLasting(%d, %d): negative size", rows, cols))
	}
	return FromData(lasting(rows*cols), rows, cols)
}

// FromData returns the matrix [rows, cols] whose rows lie one after another in
// data, which it shares.
func FromData(data []float32, rows, cols int) Matrix {
	if rows < 0 || cols < 0 || len(data) != rows*cols {
		panic(fmt.Sprintf("tensor: FromData: %d values are not a matrix [%d, %d]", len(data), rows, cols))
	}
	return Matrix{Rows: rows, Cols: cols, Stride: cols, Data: data}
}

// Row returns row i [Cols], shared.
func (m Matrix) Row(i int) []float32 {
	if uint(i) >= uint(m.Rows) {
		panic(fmt.Sprintf("tensor: row %d of a matrix [%d, %d]", i, m.Rows, m.Cols))
	}
	lo := i * m.Stride
	return m.Data[lo : lo+m.Cols : lo+m.Cols]
}

// At returns element (i, j).
func (m Matrix) At(i, j int) float32 { return m.Row(i)[j] }

// SliceRows returns rows lo to hi, hi excluded, as a view.
func (m Matrix) SliceRows(lo, hi int) Matrix {
	if lo < 0 || hi < lo || hi > m.Rows {
		panic(fmt.Sprintf("tensor: rows %d:%d of a matrix [%d, %d]", lo, hi, m.Rows, m.Cols))
	}
	return m.view(lo*m.Stride, hi-lo, m.Cols)
}

// SliceCols returns columns lo to hi, hi excluded, as a view.
func (m Matrix) SliceCols(lo, hi int) Matrix {
	if lo < 0 || hi < lo || hi > m.Cols {
		panic(fmt.Sprintf("tensor: columns %d:%d of a matrix [%d, %d]", lo, hi, m.Rows, m.Cols))
	}
	return m.view(lo, m.Rows, hi-lo)
}

func (m Matrix) view(offset, rows, cols int) Matrix {
	v := Matrix{Rows: rows, Cols: cols, Stride: m.Stride}
	if rows > 0 {
		v.Data = m.Data[offset : offset+(rows-1)*m.Stride+cols]
	}
	return v
}

// CopyFrom copies the elements of src, which has the same shape.
func (m Matrix) CopyFrom(src Matrix) {
	m.sameShape("CopyFrom", src)
	for i := range m.Rows {
		copy(m.Row(i), src.Row(i))
	}
}

// Clone returns a copy with its own data, rows one after another.
func (m Matrix) Clone() Matrix {
	c := New(m.Rows, m.Cols)
	c.CopyFrom(m)
	return c
}

// Zero sets every element to 0.
func (m Matrix) Zero() {
	for i := range m.Rows {
		clear(m.Row(i))
	}
}

// Resize returns a matrix [rows, cols] that lives in m's memory where that is
// large enough, and in new memory otherwise. Its contents are unspecified.
func (m Matrix) Resize(rows, cols int) Matrix {
	n := rows * cols
	if cap(m.Data) < n {
		return New(rows, cols)
	}
	return Matrix{Rows: rows, Cols: cols, Stride: cols, Data: m.Data[:n]}
}

func (m Matrix) shape() string { return fmt.Sprintf("[%d, %d]", m.Rows, m.Cols) }

func (m Matrix) sameShape(op string, other Matrix) {
	if m.Rows != other.Rows || m.Cols != other.Cols {
		panic("tensor: " + op + ": shapes " + m.shape() + " and " + other.shape() + " differ")
	}
}
