package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/safetensors"
)

// Schema is the version of a stream's memory file. It changes when an old reader
// would misread a new file.
const Schema = "tripartite.stream/1"

// Kinds of input, which the offset of a memory counts bytes of.
const (
	Text      = "text"
	IDNumbers = "ids"
)

// Identity says what a memory belongs to. Checkpoint, Circuits, Arithmetic and
// Input decide; the rest is for people, to say what differs.
type Identity struct {
	Model      string `json:"model"`      // name
	Checkpoint string `json:"checkpoint"` // hash of its configuration and weights
	Arithmetic string `json:"arithmetic"` // precision of the products
	Input      string `json:"input"`      // Text or IDNumbers
	Tuning     string `json:"tuning"`     // name of the curves
	Neurons    int    `json:"neurons"`    // of a head; 0 for fitted curves, whose heads differ
	Draw       string `json:"draw"`       // "" for fitted curves
	Seed       uint64 `json:"seed"`
	// TotalNeurons are those of all heads, Curves the fingerprint of their curves;
	// both of fitted curves alone.
	TotalNeurons int    `json:"total_neurons,omitempty"`
	Curves       string `json:"curves,omitempty"`
	// Circuits is the SHA-256 of what the circuits of all heads are: their curves,
	// weights and calibration included, and what they forget.
	Circuits string `json:"circuits"`
}

// same reports what differs.
func (a Identity) same(b Identity) error {
	switch {
	case a.Checkpoint != b.Checkpoint:
		return fmt.Errorf("it belongs to another model, %s (%.8s), not %s (%.8s); resume with that model, or begin anew",
			a.Model, a.Checkpoint, b.Model, b.Checkpoint)
	case a.Circuits != b.Circuits:
		return fmt.Errorf("it belongs to other circuits: %s; now they are %s; give the same --tuning, --neurons, --draw, --seed and --calibrate, or begin anew",
			a.circuits(), b.circuits())
	case a.Arithmetic != b.Arithmetic:
		return fmt.Errorf("it was computed in %s and would go on in %s; give the same --precision, or begin anew", a.Arithmetic, b.Arithmetic)
	case a.Input != b.Input:
		return fmt.Errorf("its input was %s and is %s now; give the same kind, or begin anew", a.Input, b.Input)
	}
	return nil
}

func (a Identity) circuits() string {
	if a.Curves != "" {
		return fmt.Sprintf("%s curves (%.8s), %d neurons in all (%.8s)", a.Tuning, a.Curves, a.TotalNeurons, a.Circuits)
	}
	return fmt.Sprintf("%s curves, %d neurons, draw %s, seed %d (%.8s)", a.Tuning, a.Neurons, a.Draw, a.Seed, a.Circuits)
}

// identity is that of the configuration with the circuits.
func (s *Stream) identity() (Identity, error) {
	id := s.cfg.Identity
	if id.Circuits == "" {
		circuits, err := s.session.Circuits()
		if err != nil {
			return id, err
		}
		sum := sha256.Sum256(circuits)
		id.Circuits = hex.EncodeToString(sum[:])
		s.cfg.Identity.Circuits = id.Circuits
	}
	return id, nil
}

// CanSave reports why the heads of a stream have no memory of constant size.
func (s *Stream) CanSave() error {
	_, err := s.identity()
	return err
}

// Save replaces the file at path by the memory, whole or not at all.
func (s *Stream) Save(path string) error {
	err := s.save(path)
	if err != nil {
		return fmt.Errorf("save memory: %w; what was saved before is unchanged", err)
	}
	return nil
}

func (s *Stream) save(path string) error {
	id, err := s.identity()
	if err != nil {
		return err
	}
	tensors, err := s.session.Memory()
	if err != nil {
		return err
	}
	identity, err := json.Marshal(id)
	if err != nil {
		return err
	}
	at, err := json.Marshal(s.at)
	if err != nil {
		return fmt.Errorf("the scores are not finite: %w", err)
	}
	return safetensors.WriteFile(path, tensors, map[string]string{
		"schema": Schema, "identity": string(identity), "progress": string(at),
	})
}

// Info describes a saved memory.
type Info struct {
	Schema   string   `json:"schema"`
	Identity Identity `json:"identity"`
	progress
	Bytes int64 `json:"bytes"` // of the memories
}

// Inspect reads the description of the memory saved at path, without its
// contents.
func Inspect(path string) (Info, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return Info{}, fmt.Errorf("load memory: %w", err)
	}
	defer f.Close()
	info, err := inspect(f)
	if err != nil {
		return info, fmt.Errorf("load memory %s: %w", path, err)
	}
	return info, nil
}

// IsMemory reports whether the file at path says that it is one of this package.
func IsMemory(path string) bool {
	f, err := safetensors.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return f.Metadata()["schema"] == Schema
}

func inspect(f *safetensors.File) (Info, error) {
	meta := f.Metadata()
	info := Info{Schema: meta["schema"]}
	if info.Schema != Schema {
		return info, fmt.Errorf("schema is %q, want %q: this is no memory of a stream, or one of another version", info.Schema, Schema)
	}
	if err := json.Unmarshal([]byte(meta["identity"]), &info.Identity); err != nil {
		return info, fmt.Errorf("identity: %w: the file is damaged", err)
	}
	if err := json.Unmarshal([]byte(meta["progress"]), &info.progress); err != nil {
		return info, fmt.Errorf("progress: %w: the file is damaged", err)
	}
	if p := info.progress; p.Tokens < 0 || p.Offset < 0 || p.Rows < 0 || math.IsNaN(p.Nats) {
		return info, fmt.Errorf("progress %s is impossible: the file is damaged", meta["progress"])
	}
	for _, t := range f.Tensors() {
		info.Bytes += t.Size
	}
	return info, nil
}

// Resume continues from the memory saved at path, which must belong to the same
// model, circuits, arithmetic and kind of input. The input goes on at
// Status().Offset. Where that fails, the stream is as it was or at its beginning.
func (s *Stream) Resume(path string) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	defer f.Close()
	if err := s.resume(f); err != nil {
		return fmt.Errorf("resume %s: %w", path, err)
	}
	return nil
}

func (s *Stream) resume(f *safetensors.File) error {
	info, err := inspect(f)
	if err != nil {
		return err
	}
	id, err := s.identity()
	if err != nil {
		return err
	}
	if err := info.Identity.same(id); err != nil {
		return err
	}
	s.at = progress{}
	if err := s.session.Restore(f, info.Tokens); err != nil {
		return err
	}
	s.at = info.progress
	return nil
}
