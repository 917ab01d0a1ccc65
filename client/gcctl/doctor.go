package gcctl

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/client/doctor/cluster"
	"github.com/gascity/agentd/client/doctor/machine"
	"github.com/gascity/agentd/client/target"
)

// examinationTime bounds all checks together.
const examinationTime = 2 * time.Minute

type doctorOptions struct {
	app    *app
	output outputFlag
	image  string
	noPods bool
}

func newDoctor(a *app) *cobra.Command {
	o := &doctorOptions{app: a}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps sessions from working",
		Long: `Look for what keeps sessions from working, and say what to do about it.

Of pods it checks the API server, the namespace and its keys, your permissions,
the settings GC_K8S_*, whether images can be pulled and hold what is needed, and
whether Dolt is reached from inside, where GC_DOLT_HOST and GC_DOLT_PORT send
agents; for the latter it runs pods that take seconds and are removed again. Of
this machine it checks programs, folders and keys. Then it asks the hub, and
each agent.

The status is 1 when something fails. Warnings (!) don't fail.`,
		Example: `  gcctl doctor
  gcctl -n gc doctor
  gcctl -n gc doctor -o json | jq '.findings[] | select(.status != "ok")'`,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.output.check(cmd); err != nil {
				return err
			}
			if err := o.onlyPods(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	o.output.register(cmd)
	cmd.Flags().StringVar(&o.image, "image", "", "image of agents' pods (default: GC_K8S_IMAGE)")
	cmd.Flags().BoolVar(&o.noPods, "no-pods", false, "run no pods: leave out images and Dolt")
	freeFlags(cmd, "image")
	return cmd
}

// onlyPods refuses flags that make no sense on this machine.
func (o *doctorOptions) onlyPods(cmd *cobra.Command) error {
	if o.app.target.Backend == target.Kube {
		return nil
	}
	for _, name := range []string{"image", "no-pods"} {
		if cmd.Flags().Changed(name) {
			return usage(cmd, "--%s is about pods, and --backend %s has none", name, o.app.target.Backend)
		}
	}
	return nil
}

func (o *doctorOptions) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, examinationTime, errTooLong)
	defer cancel()
	checks, end := o.checks()
	defer end()
	p := &findingPrinter{out: o.app.streams.Out, err: o.app.streams.Err, palette: paletteFor(o.app.streams.Out, o.app.getenv)}
	var observer doctor.Observer
	if !o.output.structured() {
		observer = doctor.Observer{Waiting: p.waiting, Found: p.found}
	}
	report := doctor.Run(ctx, checks, observer)
	if ctx.Err() != nil && context.Cause(ctx) != errTooLong {
		return errInterrupted
	}
	if o.output.structured() {
		if err := o.output.write(o.app.streams.Out, report, false); err != nil {
			return err
		}
	} else if err := p.end(report); err != nil {
		return err
	}
	if !report.OK {
		return statusError(1)
	}
	return nil
}

var errTooLong = fmt.Errorf("the examination took longer than %v", examinationTime)

// checks are those of the target, the hub and its sessions; end lets go of what they hold.
func (o *doctorOptions) checks() (checks []doctor.Check, end func()) {
	a := o.app
	needs := machine.Needed()
	end = func() {}
	if a.target.Backend == target.Kube {
		env := os.Environ()
		if o.image != "" {
			env = append(env, "GC_K8S_IMAGE="+o.image)
		}
		c := cluster.New(cluster.Config{Target: a.target, Env: env, NoPods: o.noPods})
		checks, needs, end = c.Checks(), cluster.Needed(), c.Close
	} else {
		checks = machine.Checks()
	}
	return append(checks,
		doctor.Check{Group: "hub", Name: doctor.HubCheck, Run: o.hub},
		doctor.Sessions(a.hub(), a.command(), needs...)), end
}

func (o *doctorOptions) hub(ctx context.Context) []doctor.Finding {
	return []doctor.Finding{o.examineHub(ctx)}
}

func (o *doctorOptions) examineHub(ctx context.Context) doctor.Finding {
	if o.app.hubless() {
		return doctor.Good("GC_HUB=off: what needs a hub does without its process, more slowly")
	}
	s, err := o.app.hubStatus(ctx)
	switch {
	case noHub(err):
		return doctor.Good("none runs; what needs it starts it")
	case err != nil:
		return doctor.Bad(o.app.command()+" hub logs may tell why; the next command that needs a hub replaces one that hangs", "it does not answer: %v", err)
	case s.Version != wire.BuildVersion():
		return doctor.Doubtful("the next command that needs a hub replaces it", "it is of version %s, this gcctl of %s", s.Version, wire.BuildVersion())
	}
	return doctor.Good("it runs since %s, %s (PID %d)", s.Started.Local().Format(time.DateTime), s.Version, s.PID)
}
