package fit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"

	"github.com/tripartite-go/tripartite/internal/atomicfile"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tensor"
)

// stateSchema is the version of the checkpoint. It changes when an old one would
// be misread.
const stateSchema = "tripartite.fit-state/1"

// numbers are what a checkpoint keeps of all heads, one after another: curves and
// anchors, what the optimizer remembers and, of the joint fit, the best curves.
type numbers struct {
	curves, mean, square, best []float32
	anchors                    []float32 // of reading and of writing, head by head
}

// saved is a checkpoint that was read.
type saved struct {
	state state
	numbers
}

// identity tells fits apart: one goes on from a checkpoint of the same identity.
func (r *run) identity() string {
	sum := sha256.New()
	word := func(x uint64) { _ = binary.Write(sum, binary.LittleEndian, x) } // a hash takes all
	settings, err := json.Marshal(r.cfg.Settings)
	if err != nil {
		panic("fit: " + err.Error()) // numbers that were checked
	}
	for _, s := range []string{r.model.Name(), r.cfg.Weights, tensor.Kernel(), string(settings)} {
		word(uint64(len(s)))
		sum.Write([]byte(s))
	}
	for _, x := range []int{r.cfg.Neurons, r.cfg.HeadSteps, r.cfg.JointSteps, r.cfg.Patience} {
		word(uint64(x))
	}
	word(r.cfg.Seed)
	if r.cfg.Shared {
		word(1)
	}
	for _, c := range []*Corpus{r.cfg.Corpus, r.cfg.Validation} {
		word(uint64(c.Len()))
		for _, x := range c.batch.Sequences.Offsets {
			word(uint64(x))
		}
		for _, id := range c.batch.IDs {
			word(uint64(id))
		}
		for i := range c.batch.Values.Rows {
			for _, v := range c.batch.Values.Row(i) {
				word(uint64(math.Float32bits(v)))
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// load reads the checkpoint, nil if there is none.
func (r *run) load() (*saved, error) {
	if r.cfg.Checkpoint == "" {
		return nil, nil
	}
	atomicfile.RemoveLeftovers(r.cfg.Checkpoint) // of a fit that was killed while it saved
	if _, err := os.Stat(r.cfg.Checkpoint); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	f, err := safetensors.Open(r.cfg.Checkpoint)
	if err != nil {
		return nil, fmt.Errorf("resume: %w; remove the file to begin anew", err)
	}
	defer f.Close()
	s, err := r.parse(f)
	if err != nil {
		return nil, fmt.Errorf("resume %s: %w", r.cfg.Checkpoint, err)
	}
	return s, nil
}

func (r *run) parse(f *safetensors.File) (*saved, error) {
	meta := f.Metadata()
	if m := meta["schema"]; m != stateSchema {
		return nil, fmt.Errorf("schema is %q, want %q: this is no state of a fit, or one of another version; give another file, or remove it to begin anew", m, stateSchema)
	}
	if meta["identity"] != r.id {
		return nil, errors.New("it belongs to another fit: model, texts, neurons, steps, settings, seed or kernel differ; give the same, another file, or remove this one to begin anew")
	}
	var s saved
	if err := json.Unmarshal([]byte(meta["state"]), &s.state); err != nil {
		return nil, fmt.Errorf("state: %w: the file is damaged; remove it to begin anew", err)
	}
	for _, t := range []struct {
		name string
		to   *[]float32
	}{{"curves", &s.curves}, {"mean", &s.mean}, {"square", &s.square}, {"best", &s.best}, {"anchors", &s.anchors}} {
		var err error
		if *t.to, err = f.Float32(t.name); err != nil {
			return nil, fmt.Errorf("%w: the file is damaged; remove it to begin anew", err)
		}
	}
	if err := s.check(r); err != nil {
		return nil, fmt.Errorf("%w: the file is damaged; remove it to begin anew", err)
	}
	return &s, nil
}

// check reports why a fit cannot go on from what was read.
func (s *saved) check(r *run) error {
	n, anchors, d := 0, 0, r.model.HeadWidth()
	for _, m := range s.state.Neurons {
		if m < 1 || m > r.cfg.Neurons {
			return fmt.Errorf("a head of %d neurons", m)
		}
		n, anchors = n+sizeOf(m, d), anchors+2*m*d
	}
	heads := r.model.Layers() * r.model.Heads()
	st, steps := &s.state, 0
	switch st.Stage {
	case StageHeads:
		steps = st.HeadSteps
	case StageJoint, StageSettle:
		steps = st.JointSteps
		if len(st.Divergence) != heads || st.PerHead == nil {
			return errors.New("it lacks what was measured of heads by themselves")
		}
	default:
		return fmt.Errorf("a stage %q", st.Stage)
	}
	if st.HeadSteps < 1 || st.Done < 0 || st.Done > steps {
		return fmt.Errorf("%d of %d steps", st.Done, steps)
	}
	if len(st.Neurons) != heads || len(st.Costs) != heads || st.Networks == nil ||
		len(s.curves) != n || len(s.mean) != n || len(s.square) != n || len(s.best) != n || len(s.anchors) != anchors {
		return errors.New("its parts do not fit one another")
	}
	for _, x := range [][]float32{s.curves, s.mean, s.square, s.best, s.anchors} {
		for _, v := range x {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("it holds %v", v)
			}
		}
	}
	return nil
}

// resume goes on from a checkpoint, after read.
func (r *run) resume(s *saved) error {
	r.state = s.state
	d, at, anchor := r.model.HeadWidth(), 0, 0
	for i, h := range r.all {
		m := r.state.Neurons[i]
		end := at + sizeOf(m, d)
		h.adopt(newCurves(m, d, append([]float32(nil), s.curves[at:end]...)))
		copy(h.curves.readAnchor, s.anchors[anchor:])
		copy(h.curves.writeAnchor, s.anchors[anchor+m*d:])
		anchor += 2 * m * d
		if r.state.Stage == StageHeads {
			h.steps = r.state.Done
			h.optimizer.Restore(h.steps, [][]float32{s.mean[at:end]}, [][]float32{s.square[at:end]})
		}
		at = end
	}
	if r.state.Stage == StageHeads {
		return nil
	}
	r.told.Fidelity = r.state.PerHead
	c, err := newCircuits(r.model, r.heads)
	if err != nil {
		return err
	}
	r.joint = newJoint(c, r.teacher, r.jointPlan(), r.work)
	r.joint.steps = r.state.Done
	r.joint.remember(r.state.Done, s.mean, s.square)
	copy(r.joint.best, s.best)
	return nil
}

// collect gathers what is to be kept.
func (r *run) collect() (n numbers) {
	if r.state.Stage == StageHeads {
		for _, h := range r.all {
			_, mean, square := h.optimizer.Memory()
			n.curves = append(n.curves, h.curves.data...)
			n.mean = append(n.mean, mean[0]...)
			n.square = append(n.square, square[0]...)
			n.anchors = append(append(n.anchors, h.curves.readAnchor...), h.curves.writeAnchor...)
		}
		n.best = n.curves
		return n
	}
	_, mean, square := r.joint.optimizer.Memory()
	n.curves, n.mean, n.square, n.best = r.joint.circuits.data, slices.Concat(mean...), slices.Concat(square...), r.joint.best
	for _, f := range r.joint.circuits.all {
		n.anchors = append(append(n.anchors, f.curves.readAnchor...), f.curves.writeAnchor...)
	}
	return n
}

// SaveError says that the state of a fit could not be saved. The one that was saved
// before, if there is one, is as it was.
type SaveError struct{ Err error }

func (e *SaveError) Error() string { return "save the state of the fit: " + e.Err.Error() }

func (e *SaveError) Unwrap() error { return e.Err }

// save replaces the checkpoint.
func (r *run) save() error {
	if r.cfg.Checkpoint == "" || r.state.Stage == "" {
		return nil
	}
	st, err := json.Marshal(r.state)
	if err != nil {
		return fmt.Errorf("a measure of the fit is no number: %w; give other inputs", err)
	}
	n := r.collect()
	var tensors []safetensors.Tensor
	for _, t := range []struct {
		name   string
		values []float32
	}{{"curves", n.curves}, {"mean", n.mean}, {"square", n.square}, {"best", n.best}, {"anchors", n.anchors}} {
		tensors = append(tensors, safetensors.New(t.name, []int{len(t.values)}, t.values))
	}
	err = safetensors.WriteFile(r.cfg.Checkpoint, tensors, map[string]string{"schema": stateSchema, "identity": r.id, "state": string(st)})
	if err != nil {
		return &SaveError{err}
	}
	return nil
}

// saveNowAndThen saves if the last time is long ago.
func (r *run) saveNowAndThen() error {
	if !r.clock.due(&r.clock.saved, r.cfg.saveEvery) {
		return nil
	}
	return r.save()
}

// interrupted saves before the fit ends early because its context is done. Where
// that fails, the error is a SaveError, too.
func (r *run) interrupted(err error) error {
	if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return errors.Join(err, r.save())
}
