/// How many messages a queue holds, as far as it can tell.
public struct QueueDepth: Sendable, Hashable {
    /// All that are not handled to their end yet: ready, delayed or in work.
    public var queued: Int
    /// Those that could be delivered now.
    public var ready: Int
    /// Those whose time has not come: enqueued with a delay, waiting to be tried again, or in work in another process.
    public var delayed: Int
    /// Those that this process's handlers have.
    public var inWork: Int
    /// Those that are out of attempts or were rejected.
    public var dead: Int

    /// A depth of these numbers.
    public init(queued: Int = 0, ready: Int = 0, delayed: Int = 0, inWork: Int = 0, dead: Int = 0) {
        self.queued = queued
        self.ready = ready
        self.delayed = delayed
        self.inWork = inWork
        self.dead = dead
    }
}
