package gcctl

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// completionTime bounds what a person who pressed Tab waits for.
const completionTime = time.Second

// sessions lists what there is, ended ones too.
func sessions(ctx context.Context, link hubLink, prefix string, all bool) ([]wire.Info, error) {
	var reply wire.ListReply
	err := link.Call(ctx, mux.Request{Op: wire.OpList, Body: wire.List{Prefix: prefix, All: all}}, &reply, true)
	return reply.Sessions, err
}

// missing explains that a session isn't there: perhaps it has ended, perhaps another name was meant.
func (a *app) missing(ctx context.Context, session string, err error) error {
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	list, listErr := sessions(ctx, a.hub(), "", true)
	if listErr != nil {
		return err
	}
	var names []string
	for _, s := range list {
		if s.Name == session {
			return hint(err, "%s logs %s shows what it said last", a.command(), quoteWord(session))
		}
		names = append(names, s.Name)
	}
	err = fmt.Errorf("no session %q", session)
	switch near := nearest(session, names); {
	case near != "":
		return hint(err, "did you mean %q?", near)
	case len(names) == 0:
		return hint(err, "there is no session at all; %s start makes one", a.command())
	default:
		return hint(err, "%s ls -a lists all sessions", a.command())
	}
}

// nearest gives the one of names that name was most likely meant to be, "" when none is near.
func nearest(name string, names []string) string {
	best, distance := "", len(name)/3+2 // what may differ
	for _, n := range names {
		d := editDistance(strings.ToLower(name), strings.ToLower(n))
		if strings.HasPrefix(strings.ToLower(n), strings.ToLower(name)) {
			d = min(d, 1)
		}
		if d < distance {
			best, distance = n, d
		}
	}
	return best
}

// editDistance counts the letters to insert, delete, replace, or swap with their neighbour, to make a from b.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	two, one := []int(nil), make([]int, len(y)+1)
	for j := range one {
		one[j] = j
	}
	for i := range x {
		row := make([]int, len(y)+1)
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(one[j+1]+1, row[j]+1, one[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], two[j-1]+1)
			}
		}
		two, one = one, row
	}
	return one[len(y)]
}

// completeSessions completes the names of sessions for the first max arguments, 0 for all. It starts no hub: Tab must not start programs.
func (a *app) completeSessions(max int, all bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if max > 0 && len(args) >= max {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.sessionNames(cmd, args, typed, all), cobra.ShellCompDirectiveNoFileComp
	}
}

// sessionNames gives the names that begin with typed, but for those in taken, with a description after a tab, as cobra has it.
func (a *app) sessionNames(cmd *cobra.Command, taken []string, typed string, all bool) []string {
	// The flags that cmd was given say whose names they are. Nothing can be offered where they make no sense.
	if a.chooseTarget(cmd) != nil {
		return nil
	}
	list := inTime(cmd.Context(), func(ctx context.Context) []wire.Info {
		link := a.lookLink()
		defer link.Close()
		list, _ := sessions(ctx, link, typed, all) // an error completes nothing
		return list
	})
	var names []string
	for _, s := range list {
		if !slices.Contains(taken, s.Name) {
			names = append(names, s.Name+"\t"+stateOf(s)+"  "+wire.OneLine(s.Command))
		}
	}
	return names
}

// inTime gives what look finds for someone who pressed Tab, nothing when it takes longer than completionTime. Then it is left behind, as it may hang in what
// heeds no context, such as a file on a disk that is away; the process ends.
func inTime[T any](ctx context.Context, look func(context.Context) []T) []T {
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	found := make(chan []T, 1)
	go func() { found <- look(ctx) }()
	select {
	case list := <-found:
		return list
	case <-ctx.Done():
		return nil
	}
}
