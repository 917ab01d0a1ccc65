package kube

// Labels and annotations. The first ones are those of gc's own script, so that both can work side by side.
const (
	labelApp     = "app"
	agentApp     = "gc-agent"
	labelSession = "gc-session"
	labelAgent   = "gc-agent"
	// annotationName is the session's original name.
	annotationName = "gc-session-name"

	prefix = "agentd.gascity.dev/"
	// labelManaged marks pods that run an agentd.
	labelManaged = prefix + "managed"
	// annotationCity is the gc workspace that owns the session.
	annotationCity = prefix + "city"
	// annotationKey is the key of the start that made the pod.
	annotationKey = prefix + "start-key"
	// annotationWorkDir is the agent's folder in the pod.
	annotationWorkDir = prefix + "work-dir"
	// annotationStarter changes every few seconds while a start is under way.
	annotationStarter = prefix + "starter"
	// annotationLaunched is when the start was complete, RFC 3339.
	annotationLaunched = prefix + "launched"
	// annotationMeta mirrors the session's metadata, a JSON object.
	annotationMeta = prefix + "meta"
	// annotationMetaAfter marks a mirror that was changed after the session's end: what agentd left with it is in there already.
	annotationMetaAfter = prefix + "meta-after-end"
	// annotationPasswd is the pod's /etc/passwd.
	annotationPasswd = prefix + "passwd"

	// agentContainer is the name of the container that agentd runs in.
	agentContainer = "agent"
	// initContainer brings agentd to an image that has none.
	initContainer = "agentd"
	// agentdPort is where agentd listens on the pod's loopback, and healthPort where it answers probes.
	agentdPort = 7878
	healthPort = 7879

	// keysSecret holds the keys that tokens are signed with, privateKey and publicKey in PEM.
	keysSecret = "agentd-keys"
	privateKey = "private.pem"
	publicKey  = "public.pem"
)
