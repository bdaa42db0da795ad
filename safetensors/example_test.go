package safetensors_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tripartite-go/tripartite/safetensors"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "memory.safetensors")

	err = safetensors.WriteFile(path, []safetensors.Tensor{
		safetensors.New("gain", []int{3}, []float64{0.5, 1, 2}),
		safetensors.New("hebb", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}).As(safetensors.F16),
	}, map[string]string{"schema": "1"})
	if err != nil {
		log.Fatal(err)
	}

	file, err := safetensors.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	for _, t := range file.Tensors() {
		values, err := file.Float64(t.Name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.Name, t.DType, t.Shape, values)
	}
	// Output:
	// gain F64 [3] [0.5 1 2]
	// hebb F16 [2 3] [1 2 3 4 5 6]
}
