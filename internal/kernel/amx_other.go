//go:build purego || !(linux && amd64)

package kernel

import "errors"

// planAMX says that there is no AMX.
func planAMX() fastPlan {
	return fastPlan{err: errors.New("this build does not use AMX; builds for Linux on amd64 do")}
}
