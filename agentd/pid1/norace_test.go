//go:build !race

package pid1

// raceEnabled: the race detector multiplies memory.
const raceEnabled = false
