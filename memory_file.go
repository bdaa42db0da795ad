package tripartite

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/tripartite-go/tripartite/safetensors"
)

// MemorySchema is the version of a memory's file. It changes when an old reader
// would misread a new file.
const MemorySchema = "tripartite.memory/1"

// A memory's file is a safetensors file with the tensors hebb [dv, m], gain [m]
// (both relative to the shifts, in the circuit's arithmetic) and shift [m]
// (float64, -Inf for a neuron that never fired), and this metadata.
const (
	keySchema  = "schema"
	keyTokens  = "tokens"
	keyCircuit = "circuit" // Identity as JSON
)

// WriteTo writes the memory as a safetensors file. A memory that was written
// NaN or infinite values is refused.
func (m *Memory[F]) WriteTo(w io.Writer) (int64, error) { return m.WriteWith(w, nil) }

// WriteWith is WriteTo with further metadata in the file, which LoadMemory
// ignores.
func (m *Memory[F]) WriteWith(w io.Writer, more map[string]string) (int64, error) {
	if err := m.finite(); err != nil {
		return 0, fmt.Errorf("write memory: %w", err)
	}
	tensors, metadata := m.file(more)
	count := &counter{w: w}
	err := safetensors.Write(count, tensors, metadata)
	return count.n, err
}

// Save replaces the file at path by the memory, whole or not at all. A memory
// that was written NaN or infinite values is refused.
func (m *Memory[F]) Save(path string) error { return m.SaveWith(path, nil) }

// SaveWith is Save with further metadata in the file, as WriteWith.
func (m *Memory[F]) SaveWith(path string, more map[string]string) error {
	if err := m.finite(); err != nil {
		return fmt.Errorf("save memory %s: %w", path, err)
	}
	tensors, metadata := m.file(more)
	if err := safetensors.WriteFile(path, tensors, metadata); err != nil {
		return fmt.Errorf("save memory: %w", err)
	}
	return nil
}

func (m *Memory[F]) file(more map[string]string) ([]safetensors.Tensor, map[string]string) {
	circuit, err := json.Marshal(m.circuit)
	if err != nil {
		panic("tripartite: identity of a circuit: " + err.Error()) // plain strings and numbers
	}
	metadata := map[string]string{
		keySchema:  MemorySchema,
		keyTokens:  strconv.Itoa(m.tokens),
		keyCircuit: string(circuit),
	}
	for key, value := range more {
		if _, own := metadata[key]; own {
			panic(fmt.Sprintf("tripartite: metadata %q of a memory's file says something else", key))
		}
		metadata[key] = value
	}
	return []safetensors.Tensor{
		safetensors.New("hebb", []int{m.outputs, m.neurons}, m.hebb),
		safetensors.New("gain", []int{m.neurons}, m.gain),
		safetensors.New("shift", []int{m.neurons}, m.shift),
	}, metadata
}

// finite reports the first number that a file of a memory may not hold.
func (m *Memory[F]) finite() error {
	bad := func(name string, i int, x any) error {
		return fmt.Errorf("%s[%d] is %v: a key or value written was not finite, or too large for %s", name, i, x, precision[F]())
	}
	if i := notFinite(m.hebb); i >= 0 {
		return bad("hebb", i, m.hebb[i])
	}
	if i := notFinite(m.gain); i >= 0 {
		return bad("gain", i, m.gain[i])
	}
	if i := badShift(m.shift); i >= 0 {
		return bad("shift", i, m.shift[i])
	}
	return nil
}

// notFinite returns the index of the first number that is NaN or infinite, or -1.
func notFinite[F Float](x []F) int {
	return slices.IndexFunc(x, func(v F) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) })
}

// badShift returns the index of the first number that is no shift, or -1: -Inf is
// that of a neuron that never fired.
func badShift(x []float64) int {
	return slices.IndexFunc(x, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 1) })
}

// MemoryInfo describes a saved memory.
type MemoryInfo struct {
	Schema    string   `json:"schema"`
	Precision string   `json:"precision"` // "float32" or "float64"
	Tokens    int      `json:"tokens"`    // tokens written
	Neurons   int      `json:"neurons"`   // m
	Outputs   int      `json:"outputs"`   // dv
	Bytes     int64    `json:"bytes"`     // of H, g and the shifts
	Circuit   Identity `json:"circuit"`
}

// InspectMemory reads the description of the memory saved at path, without its
// contents.
func InspectMemory(path string) (MemoryInfo, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return MemoryInfo{}, fmt.Errorf("load memory: %w", err)
	}
	defer f.Close()
	info, err := inspect(f)
	if err != nil {
		return info, fmt.Errorf("load memory %s: %w", path, err)
	}
	return info, nil
}

// LoadMemory reads the memory saved at path. F must be the arithmetic it was
// saved in; Circuit.Restore puts it to use.
func LoadMemory[F Float](path string) (*Memory[F], error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load memory: %w", err)
	}
	defer f.Close()
	m, err := load[F](f)
	if err != nil {
		return nil, fmt.Errorf("load memory %s: %w", path, err)
	}
	return m, nil
}

// Restore replaces the circuit's memory by a copy of m, which must have been
// written with the same tuning curves and forgetting. What Memory returned before
// is no longer the circuit's.
func (c *Circuit[F]) Restore(m *Memory[F]) error {
	if err := c.memory.compatible(m); err != nil {
		return fmt.Errorf("restore memory: %w", err)
	}
	c.memory = m.Clone()
	return nil
}

// inspect checks everything about a memory's file but its numbers.
func inspect(f *safetensors.File) (MemoryInfo, error) {
	meta := f.Metadata()
	info := MemoryInfo{Schema: meta[keySchema]}
	if info.Schema != MemorySchema {
		return info, fmt.Errorf("schema is %q, want %q: this is no memory, or one of another version", info.Schema, MemorySchema)
	}
	var err error
	if info.Tokens, err = strconv.Atoi(meta[keyTokens]); err != nil || info.Tokens < 0 {
		return info, fmt.Errorf("number of tokens is %q: the file is damaged", meta[keyTokens])
	}
	if err := json.Unmarshal([]byte(meta[keyCircuit]), &info.Circuit); err != nil {
		return info, fmt.Errorf("identity of the circuit: %w: the file is damaged", err)
	}
	if l := info.Circuit.Forget; !(l >= 0 && l < 1) {
		return info, fmt.Errorf("forgetting is %v, want a fraction in [0, 1): the file is damaged", l)
	}
	hebb, ok := f.Info("hebb")
	if !ok || len(hebb.Shape) != 2 || hebb.Shape[0] < 1 || hebb.Shape[1] < 1 {
		return info, fmt.Errorf("tensor hebb is missing or not [dv, m] (shape %v): the file is damaged", hebb.Shape)
	}
	info.Outputs, info.Neurons = hebb.Shape[0], hebb.Shape[1]
	switch hebb.DType {
	case safetensors.F32:
		info.Precision = "float32"
	case safetensors.F64:
		info.Precision = "float64"
	default:
		return info, fmt.Errorf("tensor hebb is %s, want F32 or F64", hebb.DType)
	}
	for _, want := range []struct {
		name  string
		dtype safetensors.DType
	}{{"gain", hebb.DType}, {"shift", safetensors.F64}} {
		t, ok := f.Info(want.name)
		if !ok || t.DType != want.dtype || len(t.Shape) != 1 || t.Shape[0] != info.Neurons {
			return info, fmt.Errorf("tensor %s is missing or not %s [%d] (%s %v): the file is damaged",
				want.name, want.dtype, info.Neurons, t.DType, t.Shape)
		}
		info.Bytes += t.Size
	}
	info.Bytes += hebb.Size
	return info, nil
}

func load[F Float](f *safetensors.File) (*Memory[F], error) {
	info, err := inspect(f)
	if err != nil {
		return nil, err
	}
	if want := precision[F](); info.Precision != want {
		return nil, fmt.Errorf("saved in %s, asked for in %s: use the precision it was saved in", info.Precision, want)
	}
	m := &Memory[F]{outputs: info.Outputs, neurons: info.Neurons, circuit: info.Circuit, tokens: info.Tokens}
	if m.hebb, err = values[F](f, "hebb"); err != nil {
		return nil, err
	}
	if m.gain, err = values[F](f, "gain"); err != nil {
		return nil, err
	}
	if m.shift, err = f.Float64("shift"); err != nil {
		return nil, err
	}
	if i := badShift(m.shift); i >= 0 {
		return nil, fmt.Errorf("shift[%d] is %v: the file is damaged", i, m.shift[i])
	}
	return m, nil
}

// values reads a tensor of F and checks that every number is finite.
func values[F Float](f *safetensors.File, name string) ([]F, error) {
	x, err := f.Float64(name) // exact: the type was checked
	if err != nil {
		return nil, err
	}
	if i := notFinite(x); i >= 0 {
		return nil, fmt.Errorf("%s[%d] is %v: the file is damaged", name, i, x[i])
	}
	out := make([]F, len(x))
	for i, v := range x {
		out[i] = F(v)
	}
	return out, nil
}

func precision[F Float]() string {
	var x F
	return fmt.Sprintf("%T", x)
}

// counter counts what is written through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
