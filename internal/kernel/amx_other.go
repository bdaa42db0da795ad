package kernel

import "errors"

// planAMX says that there is no AMX.
func planAMX() fastPlan {
	return fastPlan{err: errors.New("this build does not use AMX")}
}
