package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/cpu"

	"github.com/tripartite-go/tripartite/internal/kernel"
)

// versionInfo is what `tripartite version --json` prints.
type versionInfo struct {
	Schema   string   `json:"schema"`
	Version  string   `json:"version"`            // of the module
	Revision string   `json:"revision,omitempty"` // of the source, where it was built from a checkout
	Modified bool     `json:"modified,omitempty"` // whether the checkout had changes
	Go       string   `json:"go"`
	OS       string   `json:"os"`
	Arch     string   `json:"arch"`
	Cores    int      `json:"cores"`
	Kernel   string   `json:"kernel"`       // implementation of products and exponentials in use
	Features []string `json:"cpu_features"` // those that kernels may use
	// Fast is what --precision fast takes, unless the operating system refuses it;
	// empty where there is nothing, for the reason given.
	Fast       string `json:"fast"`
	FastReason string `json:"fast_reason,omitempty"`
}

func newVersion(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print version, kernels and CPU",
		Long: `Version prints what the program was built from, the kernels (implementations of
matrix products and exponentials) that it uses here, what --precision fast would
take for products, and the features of the CPU that kernels may use. Results are
the same bytes for the same version, seed, precision, kernel and platform.`,
		Example: `  tripartite version
  tripartite version --json`,
		Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			v := currentVersion()
			if e.json {
				return e.printJSON(v)
			}
			source := v.Version
			if v.Revision != "" {
				source += " (" + v.Revision
				if v.Modified {
					source += ", modified"
				}
				source += ")"
			}
			features := strings.Join(v.Features, " ")
			if features == "" {
				features = "none that kernels use"
			}
			fast := v.Fast
			if fast == "" {
				fast = "none: " + v.FastReason
			}
			fmt.Fprintf(e.stdout, "tripartite %s\ngo         %s\nplatform   %s/%s, %d cores\nkernel     %s\nfast       %s\ncpu        %s\n",
				source, v.Go, v.OS, v.Arch, v.Cores, v.Kernel, fast, features)
			return nil
		},
	}
}

func currentVersion() versionInfo {
	v := versionInfo{
		Schema: "tripartite.version/1", Version: programVersion(),
		Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0),
		Kernel: kernel.Choose().Name, Features: cpuFeatures(),
	}
	var err error
	if v.Fast, err = kernel.FastSupport(); err != nil {
		v.FastReason = err.Error()
	}
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	return v
}

// programVersion is the module's version, which results carry.
func programVersion() string {
	b, ok := debug.ReadBuildInfo()
	if !ok || b.Main.Version == "" {
		return "(devel)"
	}
	return b.Main.Version
}

// cpuFeatures lists what the CPU has of the features that kernels may use.
func cpuFeatures() []string {
	names := []string{}
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"avx2", cpu.X86.HasAVX2},
		{"fma", cpu.X86.HasFMA},
		{"avx512f", cpu.X86.HasAVX512F},
		{"avx512bw", cpu.X86.HasAVX512BW},
		{"avx512vl", cpu.X86.HasAVX512VL},
		{"avx512bf16", cpu.X86.HasAVX512BF16},
		{"amx-tile", cpu.X86.HasAMXTile},
		{"amx-bf16", cpu.X86.HasAMXBF16},
		{"asimd", cpu.ARM64.HasASIMD},
		{"asimdhp", cpu.ARM64.HasASIMDHP},
		{"sve", cpu.ARM64.HasSVE},
	} {
		if f.has {
			names = append(names, f.name)
		}
	}
	return names
}
