package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/safetensors"
)

// keyHead is the metadata of a memory's file that says what a head's stream was.
// All else is a memory as the root package saves it: it is read by whatever reads
// those, and merges with them.
const keyHead = "stream"

// HeadInfo is what a memory's file says of the stream that wrote it.
type HeadInfo struct {
	// Afferents is the SHA-256 of the weights between rows and neurons.
	Afferents string `json:"afferents"`
	Input     *Input `json:"input,omitempty"` // nil for none, as of merged memories
	headProgress
}

type headProgress struct {
	Read int `json:"read"` // rows taken in of the input
	Rows int `json:"rows"` // of states written
}

// InspectHead returns what the memory at path says of a head's stream, nil where
// it says nothing, as those that attend saves.
func InspectHead(path string) (*HeadInfo, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load memory: %w", err)
	}
	defer f.Close()
	text, ok := f.Metadata()[keyHead]
	if !ok {
		return nil, nil
	}
	info := &HeadInfo{}
	err = json.Unmarshal([]byte(text), info)
	if err == nil && (info.Read < 0 || info.Rows < 0 || info.Input != nil && info.Input.Width < 1) {
		err = fmt.Errorf("%s is impossible", text)
	}
	if err != nil {
		return nil, fmt.Errorf("load memory %s: what it says of its stream: %w: the file is damaged", path, err)
	}
	return info, nil
}

// String says it to people.
func (i *HeadInfo) String() string {
	if i.Input == nil {
		return fmt.Sprintf("of one head (%.8s), merged", i.Afferents)
	}
	return fmt.Sprintf("of one head (%.8s), %d %v", i.Afferents, i.Read, i.Input)
}

// Metadata is the form of the information in a memory's file; see
// [tripartite.Memory.SaveWith]. Of nil it is none.
func (i *HeadInfo) Metadata() map[string]string {
	if i == nil {
		return nil
	}
	text, err := json.Marshal(i)
	if err != nil {
		panic("stream: " + err.Error()) // plain strings and numbers
	}
	return map[string]string{keyHead: string(text)}
}

// Merged returns what holds of two memories that are added, or why they do not
// add. Either may be nil.
func (i *HeadInfo) Merged(o *HeadInfo) (*HeadInfo, error) {
	switch {
	case i == nil || o == nil:
		return nil, nil
	case i.Afferents != o.Afferents:
		return nil, fmt.Errorf("their rows came through other weights W_Q, W_K, W_V (%.8s and %.8s), so that keys and values mean other things; merge memories of one head", i.Afferents, o.Afferents)
	}
	return &HeadInfo{Afferents: i.Afferents}, nil
}

// Save replaces the file at path by the memory, whole or not at all.
func (h *Head[F]) Save(path string) error {
	info := HeadInfo{h.afferents, &h.cfg.Input, h.at}
	if err := h.circuit.Memory().SaveWith(path, info.Metadata()); err != nil {
		return fmt.Errorf("%w; what was saved before is unchanged", err)
	}
	return nil
}

// Resume continues from the memory saved at path, which must belong to the same
// head. Where it says which input it has taken in, that goes on behind
// Status().Offset rows; otherwise one begins.
func (h *Head[F]) Resume(path string) error {
	info, err := InspectHead(path)
	if err != nil {
		return err
	}
	m, err := tripartite.LoadMemory[F](path)
	if err != nil {
		return err
	}
	if info != nil {
		switch {
		case info.Afferents != h.afferents:
			return fmt.Errorf("resume %s: its rows came through other weights W_Q, W_K, W_V (%.8s), not these (%.8s); give the same --head, or begin anew", path, info.Afferents, h.afferents)
		case info.Input != nil && *info.Input != h.cfg.Input:
			return fmt.Errorf("resume %s: its input was %v, and is %v now; give the same kind, or begin anew", path, info.Input, h.cfg.Input)
		}
	}
	if err := h.circuit.Restore(m); err != nil {
		return fmt.Errorf("resume %s: %w", path, err)
	}
	h.at = headProgress{}
	if info != nil {
		h.at = info.headProgress
	}
	return nil
}

// afferentsHash identifies weights and biases.
func afferentsHash[F tripartite.Float](a *tripartite.Afferents[F]) string {
	sum := sha256.New()
	var buf [8]byte
	for _, w := range [][]F{a.WQ, a.QueryBias, a.WK, a.KeyBias, a.WV, a.ValueBias} {
		binary.LittleEndian.PutUint64(buf[:], uint64(len(w)))
		sum.Write(buf[:])
		for _, x := range w {
			binary.LittleEndian.PutUint64(buf[:], math.Float64bits(float64(x)))
			sum.Write(buf[:])
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}
