package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tensor"
)

// What a session of circuits carries, as tensors: for every head LAYER.HEAD.hebb
// [m, dv], .gain [m] and .shift [m], and hidden [1, D], the last hidden state.
const hiddenName = "hidden"

func memoryName(layer, head int, part string) string {
	return strconv.Itoa(layer) + "." + strconv.Itoa(head) + "." + part
}

// circuit returns a head as a circuit, the only one whose state can be kept.
func (s *Session) circuit(layer, head int) (*attention.Circuit, error) {
	c, ok := s.run.Heads[layer][head].(*attention.Circuit)
	if !ok {
		return nil, fmt.Errorf("layer %d, head %d is no circuit and has no memory to keep; make every head algebraic", layer, head)
	}
	return c, nil
}

// Circuits describes the circuits of all heads, as JSON. Memories belong to one
// such description and one model. It reports a head that is none.
func (s *Session) Circuits() ([]byte, error) {
	all := make([][]any, len(s.states))
	for l, layer := range s.states {
		for h := range layer {
			c, err := s.circuit(l, h)
			if err != nil {
				return nil, err
			}
			all[l] = append(all[l], c.Identity())
		}
	}
	return json.Marshal(all)
}

// Memory returns what a session of circuits carries: after Restore a session goes
// on as this one, to the bit. Nothing is copied, so that it holds until the next
// call of Feed. It reports heads that are no circuits, and memories that were
// written NaN or infinite values.
func (s *Session) Memory() ([]safetensors.Tensor, error) {
	var all []safetensors.Tensor
	for l, layer := range s.states {
		for h, state := range layer {
			c, err := s.circuit(l, h)
			if err != nil {
				return nil, err
			}
			x, err := c.Export(state)
			if err != nil {
				return nil, fmt.Errorf("layer %d, head %d: %w", l, h, err)
			}
			if x.Tokens == 0 {
				continue
			}
			all = append(all,
				safetensors.New(memoryName(l, h, "hebb"), []int{x.Hebb.Rows, x.Hebb.Cols}, x.Hebb.Data),
				safetensors.New(memoryName(l, h, "gain"), []int{len(x.Gain)}, x.Gain),
				safetensors.New(memoryName(l, h, "shift"), []int{len(x.Shift)}, x.Shift))
		}
	}
	if s.hidden.Rows > 0 {
		hidden := s.hidden.Row(s.hidden.Rows - 1)
		if !finite(hidden) {
			return nil, errors.New("the last hidden state is not finite; the weights of the model may be damaged")
		}
		all = append(all, safetensors.New(hiddenName, []int{1, s.model.Width()}, hidden))
	}
	return all, nil
}

// Restore makes the session the one whose Memory the file holds, after that many
// tokens. Where the file is damaged, or of other heads, it reports what is wrong
// and the session is at the beginning.
func (s *Session) Restore(f *safetensors.File, tokens int) error {
	s.Reset()
	if tokens == 0 {
		return nil
	}
	if err := s.restore(f, tokens); err != nil {
		s.Reset()
		return err
	}
	return nil
}

func (s *Session) restore(f *safetensors.File, tokens int) error {
	if n := s.model.config.Positions; n > 0 && tokens > n {
		return fmt.Errorf("%d tokens, and %s has %d positions", tokens, s.model.name, n)
	}
	for l, layer := range s.states {
		for h, state := range layer {
			c, err := s.circuit(l, h)
			if err != nil {
				return err
			}
			dv := s.model.HeadWidth()
			x := attention.Contents{Tokens: tokens}
			hebb, err := exactly(f, memoryName(l, h, "hebb"), safetensors.F32, c.Neurons(), dv)
			if err != nil {
				return err
			}
			x.Hebb = tensor.FromData(hebb, c.Neurons(), dv)
			if x.Gain, err = exactly(f, memoryName(l, h, "gain"), safetensors.F32, c.Neurons()); err != nil {
				return err
			}
			name := memoryName(l, h, "shift")
			if err := shaped(f, name, safetensors.F64, c.Neurons()); err != nil {
				return err
			}
			if x.Shift, err = f.Float64(name); err != nil {
				return err
			}
			if err := c.Import(state, x, dv); err != nil {
				return fmt.Errorf("layer %d, head %d: %w: the file is damaged", l, h, err)
			}
		}
	}
	hidden, err := exactly(f, hiddenName, safetensors.F32, 1, s.model.Width())
	if err != nil {
		return err
	}
	if !finite(hidden) {
		return fmt.Errorf("tensor %s is not finite: the file is damaged", hiddenName)
	}
	s.hidden = s.hidden.Resize(1, s.model.Width())
	copy(s.hidden.Row(0), hidden)
	s.tokens = tokens
	return nil
}

func finite(x []float32) bool {
	return !slices.ContainsFunc(x, func(v float32) bool { return v-v != 0 }) // NaN for what is not
}

// shaped reports a tensor that is missing or of another type or shape.
func shaped(f *safetensors.File, name string, dtype safetensors.DType, shape ...int) error {
	t, ok := f.Info(name)
	if !ok || t.DType != dtype || fmt.Sprint(t.Shape) != fmt.Sprint(shape) {
		return fmt.Errorf("tensor %s is missing or not %s %v (%s %v): the file is damaged", name, dtype, shape, t.DType, t.Shape)
	}
	return nil
}

func exactly(f *safetensors.File, name string, dtype safetensors.DType, shape ...int) ([]float32, error) {
	if err := shaped(f, name, dtype, shape...); err != nil {
		return nil, err
	}
	return f.Float32(name)
}
