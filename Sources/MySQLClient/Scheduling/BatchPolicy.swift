package import NIOCore

/// How many batches of a lane should be in progress at a time. See `docs/batching.md`.
///
/// While a batch is in progress, the next one fills up. On a short round trip this makes batches large and cheap; on a
/// long one it only adds waiting, as the server is idle. So the number depends only on the measured round trip: no
/// timer, and no search that noise could mislead.
package struct BatchPolicy: Equatable, Sendable {
    /// Batches that may be in progress however small they are.
    package let eager: Int
    /// Batches that may be in progress if those beyond `eager` are full.
    package let maximum: Int

    /// The round trip above which callers wait for the network rather than the server.
    package static let longRoundTrip = TimeAmount.microseconds(250)

    /// - Parameters:
    ///   - lane: The lane's own settings.
    ///   - roundTrip: The minimum response time of the last windows; nil: not known yet.
    ///   - connections: The maximum number of connections.
    package init(_ lane: LanePolicy, roundTrip: TimeAmount?, connections: Int) {
        let limit = min(connections, lane.maximumBatches ?? connections)
        guard lane.isAdaptive else {
            eager = limit
            maximum = limit
            return
        }
        if let roundTrip, roundTrip >= Self.longRoundTrip {
            // Six at half a millisecond, ten from one and a half milliseconds.
            let wanted = 4 + Int(roundTrip.nanoseconds / Self.longRoundTrip.nanoseconds)
            eager = min(limit, wanted)
            maximum = eager
        } else {
            // While one is at the server, the answers of the other are delivered. Writes also wait for the disk, so
            // more full batches pay off.
            eager = min(limit, 2)
            maximum = min(limit, lane.isWrite ? 4 : 2)
        }
    }
}

/// The minimum of the recently measured round trips.
///
/// The minimum, because every disturbance makes an answer later, never earlier. Measurements older than two windows are
/// dropped, since the route may change.
package struct RoundTripEstimate: Sendable {
    private static let window = TimeAmount.seconds(30)
    private var former: TimeAmount?
    private var current: TimeAmount?
    private var begun = NIODeadline.uptimeNanoseconds(0)

    package init() {}

    /// nil: nothing was measured yet.
    package var value: TimeAmount? {
        guard let former else { return current }
        return current.map { min($0, former) } ?? former
    }

    /// An answer came.
    ///
    /// - Parameters:
    ///   - time: From the write of the ping to its answer.
    ///   - now: The present time.
    package mutating func add(_ time: TimeAmount, now: NIODeadline) {
        if now - begun > Self.window {
            former = now - begun > Self.window + Self.window ? nil : current
            current = nil
            begun = now
        }
        current = current.map { min($0, time) } ?? time
    }
}
