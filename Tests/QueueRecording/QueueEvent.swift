import Dispatch

/// What happened to a message, or to a process that handles messages: recorded outside the database.
package struct QueueEvent: Codable, Sendable {
    package enum Kind: String, Codable, Sendable {
        /// `enqueue` was called; it has returned; it has thrown, and nothing was enqueued; it has thrown, and the
        /// message may have been enqueued.
        case sending, sent, refused, uncertain
        /// A handler has begun; has seen a new end of its lease; was cancelled.
        case began, leased, cancelled
        /// How a handler has ended.
        case returned, threw, rejected
        /// A process was stopped, goes on, or was killed.
        case stopped, resumed, killed
    }

    package var kind: Kind
    /// Nanoseconds, by a clock that all processes of the machine share.
    package var time: Int64
    /// The process, or the listener of it.
    package var worker: String
    /// The message's own number.
    package var number = 0
    /// The message's ordering key.
    package var key: String?
    /// Which handler this was.
    package var handling: Int?
    /// The end of the handler's lease, by the same clock; nil: it has a lock instead.
    package var leaseEnd: Int64?

    package init(
        _ kind: Kind, at time: Int64 = Self.now, worker: String, number: Int = 0, key: String? = nil,
        handling: Int? = nil, leaseEnd: Int64? = nil
    ) {
        self.kind = kind
        self.time = time
        self.worker = worker
        self.number = number
        self.key = key
        self.handling = handling
        self.leaseEnd = leaseEnd
    }

    package static var now: Int64 { Int64(DispatchTime.now().uptimeNanoseconds) }
}

/// A message whose handling is recorded, and what its handler is to do.
package struct RecordedMessage: Codable, Sendable {
    package var number: Int
    /// How long its handler works, in milliseconds.
    package var work = 0
    /// So many deliveries fail first.
    package var failures = 0
    /// Its handler rejects it.
    package var isRejected = false
    /// Its handler ends the process, as a crash would.
    package var isDeadly = false
    package var padding: String?

    package init(
        number: Int, work: Int = 0, failures: Int = 0, isRejected: Bool = false, isDeadly: Bool = false,
        padding: String? = nil
    ) {
        self.number = number
        self.work = work
        self.failures = failures
        self.isRejected = isRejected
        self.isDeadly = isDeadly
        self.padding = padding
    }
}
