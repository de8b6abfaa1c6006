package import NIOCore

/// How many batches of a lane should be under way at a time. See `docs/batching.md`.
///
/// A batch that is under way collects its successors behind it: on a short way to the server that is what makes
/// batches large and cheap. On a long way it is only waiting, as the server has nothing to do meanwhile. So the number
/// follows the measured round trip, and nothing else: no timer, and no search that noise could lead astray.
package struct BatchPolicy: Equatable, Sendable {
    /// So many may be under way however small they are.
    package let eager: Int
    /// So many may be under way if those beyond `eager` are full.
    package let maximum: Int

    /// A round trip from which the network, not the server, is what callers wait for.
    package static let longRoundTrip = TimeAmount.microseconds(250)

    /// - Parameters:
    ///   - lane: The lane's own settings.
    ///   - roundTrip: The least time that an answer took lately; nil: not known yet.
    ///   - connections: The most connections there can be.
    package init(_ lane: LanePolicy, roundTrip: TimeAmount?, connections: Int) {
        let limit = min(connections, lane.maximumBatches ?? connections)
        guard lane.isAdaptive else {
            eager = limit
            maximum = limit
            return
        }
        if let roundTrip, roundTrip >= Self.longRoundTrip {
            // Six at half a millisecond, ten from a millisecond and a half on.
            let wanted = 4 + Int(roundTrip.nanoseconds / Self.longRoundTrip.nanoseconds)
            eager = min(limit, wanted)
            maximum = eager
        } else {
            // While one is at the server, the answers of the other are handed out. Writes also wait for the disk, so
            // full batches of them gain by more.
            eager = min(limit, 2)
            maximum = min(limit, lane.isWrite ? 4 : 2)
        }
    }
}

/// The least round trip to the server that was measured lately.
///
/// The least, because all else that an answer can wait for makes it later, never earlier. What is older than two
/// windows is forgotten, for the way may change.
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
    ///   - time: From the write of the question to the answer.
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
