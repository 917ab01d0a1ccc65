package wire

// DetachedEnv is set in the environment of what must outlive the session that happens to start it: a hub, and the agentd of another
// session. An agent that runs gcctl is a descendant of its own agentd, and so is a hub that comes of it; agentd, which ends its
// descendants before it leaves, passes over those started with this variable. agentd takes it out of what its own agent sees.
const DetachedEnv = "AGENTD_DETACHED"
