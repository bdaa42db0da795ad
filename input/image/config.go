package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/tripartite-go/tripartite/internal/preprocessor"
)

const maxTarget = 4096 // pixels a side; models in use take 224 to 1024

// config is a preprocessor_config.json. What is absent is as the class says that
// it names.
type config struct {
	Type    string `json:"image_processor_type"`
	OldType string `json:"feature_extractor_type"` // before transformers 4.25

	Resize     *bool           `json:"do_resize"`
	Size       json.RawMessage `json:"size"`
	Resample   *int            `json:"resample"`
	CenterCrop *bool           `json:"do_center_crop"`
	CropSize   json.RawMessage `json:"crop_size"`
	Rescale    *bool           `json:"do_rescale"`
	Factor     *float64        `json:"rescale_factor"`
	Normalize  *bool           `json:"do_normalize"`
	Mean       json.RawMessage `json:"image_mean"`
	Std        json.RawMessage `json:"image_std"`

	// Steps of other processors, that would be left out in silence.
	Pad          *bool `json:"do_pad"`
	FlipChannels *bool `json:"do_flip_channel_order"`
}

// Load reads the preprocessor_config.json of a model's folder.
func Load(fsys fs.FS) (*Processor, error) { return preprocessor.Load(fsys, "pictures", Parse) }

// Parse returns the processor that the text of a preprocessor_config.json asks
// for: a ViTImageProcessor or DeiTImageProcessor, or ViTFeatureExtractor or
// DeiTFeatureExtractor, as they were called.
func Parse(data []byte) (*Processor, error) {
	var c config
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("%w; get the file again", err)
	}
	name := c.Type
	if name == "" {
		name = c.OldType
	}
	p := &Processor{
		size: &size{height: 224, width: 224}, filter: Bilinear,
		rescale: true, factor: 1.0 / 255,
		normalize: true, mean: [3]float64{0.5, 0.5, 0.5}, std: [3]float64{0.5, 0.5, 0.5},
	}
	switch base := strings.TrimSuffix(strings.TrimSuffix(name, "Fast"), "Pil"); base {
	case "ViTImageProcessor", "ViTFeatureExtractor":
	case "DeiTImageProcessor", "DeiTFeatureExtractor":
		p.size = &size{height: 256, width: 256}
		p.filter = Bicubic
		p.crop = &size{height: 224, width: 224}
	case "":
		return nil, errors.New(`names no processor: "image_processor_type" is to be ViTImageProcessor or DeiTImageProcessor`)
	default:
		return nil, fmt.Errorf("%q is not done here: ViTImageProcessor and DeiTImageProcessor are", name)
	}
	if err := c.apply(p); err != nil {
		return nil, err
	}
	p.tabulate()
	for c := range p.values {
		if !finite(p.values[c][0]) || !finite(p.values[c][255]) {
			return nil, errors.New(`"rescale_factor", "image_mean" and "image_std" lead to values that are not finite`)
		}
	}
	return p, nil
}

func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }

func (c *config) apply(p *Processor) (err error) {
	for field, on := range map[string]*bool{"do_pad": c.Pad, "do_flip_channel_order": c.FlipChannels} {
		if on != nil && *on {
			return fmt.Errorf("%q is not done here", field)
		}
	}
	preprocessor.Set(&p.rescale, c.Rescale)
	preprocessor.Set(&p.factor, c.Factor)
	preprocessor.Set(&p.normalize, c.Normalize)
	if c.Resample != nil {
		if p.filter = Filter(*c.Resample); p.filter < Nearest || p.filter > Hamming {
			return fmt.Errorf(`"resample" is %d; known are 0 to 5: nearest, lanczos, bilinear, bicubic, box, hamming`, *c.Resample)
		}
	}
	if p.size, err = parseSize(c.Size, "size", p.size); err != nil {
		return err
	}
	if c.Resize != nil && !*c.Resize {
		p.size = nil
	}
	cropSize := &size{height: 224, width: 224}
	if cropSize, err = parseSize(c.CropSize, "crop_size", cropSize); err != nil {
		return err
	}
	if cropSize.shortest != 0 {
		return errors.New(`"crop_size" has only a shortest edge; give it a height and a width`)
	}
	if crop := p.crop != nil; c.CenterCrop != nil && !*c.CenterCrop || c.CenterCrop == nil && !crop {
		p.crop = nil
	} else {
		p.crop = cropSize
	}
	if p.mean, err = parseChannels(c.Mean, "image_mean", p.mean); err != nil {
		return err
	}
	p.std, err = parseChannels(c.Std, "image_std", p.std)
	return err
}

func absent(data json.RawMessage) bool { return len(data) == 0 || string(data) == "null" }

// parseSize reads 224, [224, 224] (height first), {"height": 224, "width": 224}
// or {"shortest_edge": 224}.
func parseSize(data json.RawMessage, field string, otherwise *size) (*size, error) {
	if absent(data) {
		return otherwise, nil
	}
	var s size
	var side int
	var sides []int
	var object map[string]*int
	switch {
	case json.Unmarshal(data, &side) == nil:
		s.height, s.width = side, side
	case json.Unmarshal(data, &sides) == nil && len(sides) == 2:
		s.height, s.width = sides[0], sides[1]
	case json.Unmarshal(data, &object) == nil:
		for name, v := range object {
			if v == nil {
				continue
			}
			switch name {
			case "height":
				s.height = *v
			case "width":
				s.width = *v
			case "shortest_edge":
				s.shortest = *v
			default:
				return nil, fmt.Errorf("%q has %q, which is not done here: height and width, or shortest_edge, are", field, name)
			}
		}
	default:
		return nil, fmt.Errorf("%q is %s; it is to be a number, or height and width, or shortest_edge", field, data)
	}
	edges := []int{s.height, s.width}
	if s.shortest != 0 {
		if s.height != 0 || s.width != 0 {
			return nil, fmt.Errorf("%q has both shortest_edge and height or width", field)
		}
		edges = []int{s.shortest}
	}
	if slices.Min(edges) < 1 || slices.Max(edges) > maxTarget {
		return nil, fmt.Errorf("%q is %s; sizes are from 1 to %d pixels", field, data, maxTarget)
	}
	return &s, nil
}

// parseChannels reads one number for all channels or three.
func parseChannels(data json.RawMessage, field string, otherwise [3]float64) ([3]float64, error) {
	if absent(data) {
		return otherwise, nil
	}
	var one float64
	var several []float64
	switch {
	case json.Unmarshal(data, &one) == nil:
		return [3]float64{one, one, one}, nil
	case json.Unmarshal(data, &several) == nil && len(several) == 3:
		return [3]float64(several), nil
	}
	return otherwise, fmt.Errorf("%q is %.100s; it is to be one number or three, of red, green and blue", field, data)
}
