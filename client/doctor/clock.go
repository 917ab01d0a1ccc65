package doctor

import (
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// skewDoubtful is the difference between two clocks from which on it is told: tokens still work, but something is wrong.
const skewDoubtful = 10 * time.Second

// Clock compares another machine's clock with this one's. It showed then, to the second, at some moment between begun and ended.
func Clock(whose string, then, begun, ended time.Time) Finding {
	// Times of day are compared: a monotonic clock knows nothing of other machines.
	then, begun, ended = then.Round(0), begun.Round(0), ended.Round(0)
	var off time.Duration
	word := "ahead of"
	switch earliest, latest := then, then.Add(time.Second); {
	case earliest.After(ended):
		off = earliest.Sub(ended)
	case latest.Before(begun):
		off, word = begun.Sub(latest), "behind"
	default:
		return Good("%s clock agrees with this machine's", whose)
	}
	off = off.Round(time.Second)
	const hint = "let both machines keep time by NTP (timedatectl shows whether this one does)"
	switch {
	case off < time.Second:
		return Good("%s clock agrees with this machine's", whose)
	case off > wire.TokenLeeway:
		return Bad(hint, "%s clock is %v %s this machine's: tokens, which live %v, are refused", whose, off, word, wire.TokenLife)
	case off > skewDoubtful:
		return Doubtful(hint, "%s clock is %v %s this machine's; from %v on agents refuse tokens", whose, off, word, wire.TokenLeeway)
	}
	return Good("%s clock is %v %s this machine's", whose, off, word)
}
