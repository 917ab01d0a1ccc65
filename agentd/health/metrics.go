package health

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/gascity/agentd/agentd/wire"
)

// Counters are what the session has counted since this process began.
type Counters struct {
	// Prints counts the times the agent printed something.
	Prints uint64
	// Reconnects of the tmux control connection.
	Reconnects uint64
	// Nudges typed, and those that failed.
	Nudges, NudgesFailed uint64
	// NudgesWaiting is how many are queued just now.
	NudgesWaiting int
	// Restarts is how often init had to start serve again before this process.
	Restarts uint64
	// Adopted is true when this process found its session running.
	Adopted bool
}

// Metrics counts what an operator would alert on. It is the server's observer.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	refused  *prometheus.CounterVec
	links    prometheus.Gauge
}

// NewMetrics makes the metrics of one session. counters may be nil.
func NewMetrics(s Session, counters func() Counters) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentd_requests_total", Help: "Requests answered, by operation and error code (empty for success).",
		}, []string{"op", "code"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "agentd_request_duration_seconds", Help: "How long requests took, by operation. Long-lived ones (attach, watch, output) count when they end.",
			Buckets: []float64{.001, .01, .1, 1, 10},
		}, []string{"op"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentd_connections_refused_total", Help: "Connections that were not admitted, by reason.",
		}, []string{"reason"}),
		links: prometheus.NewGauge(prometheus.GaugeOpts{Name: "agentd_connections", Help: "Open connections."}),
	}
	m.registry.MustRegister(m.requests, m.took, m.refused, m.links, newSessionCollector(s, counters),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request counts an answered request.
func (m *Metrics) Request(op string, code wire.Code, took time.Duration) {
	m.requests.WithLabelValues(op, string(code)).Inc()
	m.took.WithLabelValues(op).Observe(took.Seconds())
}

// Refused counts a connection that was not admitted.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Links tells how many connections are open.
func (m *Metrics) Links(n int) { m.links.Set(float64(n)) }

// sessionCollector reads the session's own figures when someone asks, so that they cost nothing otherwise.
type sessionCollector struct {
	session  Session
	counters func() Counters

	state, build, started, activity, attached, exit *prometheus.Desc
	prints, reconnects, nudges, nudgesFailed, adopt *prometheus.Desc
	nudgesWaiting, restarts                         *prometheus.Desc
}

func newSessionCollector(s Session, counters func() Counters) *sessionCollector {
	if counters == nil {
		counters = func() Counters { return Counters{} }
	}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &sessionCollector{
		session: s, counters: counters,
		build:         desc("agentd_build_info", "1, labelled with the build.", "version"),
		state:         desc("agentd_session_state", "1 for the state the session is in, 0 for the others.", "state"),
		started:       desc("agentd_session_start_time_seconds", "When the agent was launched, in Unix time; absent before."),
		activity:      desc("agentd_session_last_activity_seconds", "When the agent last did something, in Unix time; absent when unknown."),
		attached:      desc("agentd_session_attached_terminals", "Terminals attached to the session."),
		exit:          desc("agentd_session_exit_status", "The agent's exit status; absent before."),
		prints:        desc("agentd_session_prints_total", "Times the agent printed something."),
		reconnects:    desc("agentd_tmux_reconnects_total", "Times the tmux control connection was lost and made again."),
		nudges:        desc("agentd_nudges_total", "Nudges that were submitted."),
		nudgesFailed:  desc("agentd_nudges_failed_total", "Nudges that could not be submitted, or that the agent's end came before."),
		nudgesWaiting: desc("agentd_nudges_waiting", "Nudges that wait for their turn to be typed."),
		restarts:      desc("agentd_serve_restarts_total", "Times init has started serve again after a crash."),
		adopt:         desc("agentd_session_adopted", "1 when this process found its session running, 0 when it launched it."),
	}
}

// Describe names the metrics.
func (c *sessionCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.build, c.state, c.started, c.activity, c.attached, c.exit, c.prints, c.reconnects, c.nudges, c.nudgesFailed, c.nudgesWaiting, c.adopt, c.restarts} {
		out <- d
	}
}

// Collect reads the figures.
func (c *sessionCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	status, counters := c.session.Status(), c.counters()
	gauge(c.build, 1, wire.BuildVersion())
	for _, s := range []wire.State{wire.StateWaiting, wire.StateStaging, wire.StateRunning, wire.StateExited} {
		gauge(c.state, number(s == status.State), string(s))
	}
	if !status.Started.IsZero() {
		gauge(c.started, seconds(status.Started))
	}
	if !status.Activity.IsZero() {
		gauge(c.activity, seconds(status.Activity))
	}
	gauge(c.attached, float64(status.Attached))
	if status.Exit != nil {
		gauge(c.exit, float64(status.Exit.Status))
	}
	counter(c.prints, counters.Prints)
	counter(c.reconnects, counters.Reconnects)
	counter(c.nudges, counters.Nudges)
	counter(c.nudgesFailed, counters.NudgesFailed)
	gauge(c.nudgesWaiting, float64(counters.NudgesWaiting))
	counter(c.restarts, counters.Restarts)
	gauge(c.adopt, number(counters.Adopted))
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
