import FedifyMQ
import MySQLClient
import NIOConcurrencyHelpers

/// The handlers of a listener that wait for messages which are enqueued in this process. While nothing else is ready, a
/// message is inserted with its lease already taken: it needs no claim.
final class HandOff: Sendable {
    /// Messages that were inserted with a lease.
    struct Arrival: Sendable {
        let messages: [QueueTransaction.Claimed]
        let token: String
        let until: ContinuousClock.Instant
    }

    /// Handlers for the messages of one statement.
    struct Reservation: Sendable {
        let handOff: HandOff
        let count: Int
        /// Nothing was ready when the listener looked at this time.
        let quietSince: ContinuousClock.Instant
        let countsAttempts: Bool
        let lease: Duration

        /// The messages are there; or, without any, the handlers are free again.
        func end(_ arrival: Arrival? = nil) { handOff.end(self, arrival) }
    }

    private struct State {
        var offered = 0
        var reserved = 0
        var quietSince = ContinuousClock.now
        var countsAttempts = true
        var arrivals: [Arrival] = []
        var onEnd: @Sendable () -> Void = {}
    }

    private let lease: Duration
    private let state = NIOLockedValueBox(State())

    /// - Parameter lease: How long a lease lasts.
    init(lease: Duration) {
        self.lease = lease
    }

    /// - Parameter body: Called when a reservation has ended.
    func onEnd(_ body: @escaping @Sendable () -> Void) {
        state.withLockedValue { $0.onEnd = body }
    }

    /// Messages that may arrive yet.
    var reserved: Int { state.withLockedValue(\.reserved) }

    /// Offers handlers, but for those that are reserved.
    func offer(_ count: Int, quietSince: ContinuousClock.Instant, countsAttempts: Bool) {
        state.withLockedValue { state in
            state.offered = max(0, count - state.reserved)
            state.quietSince = quietSince
            state.countsAttempts = countsAttempts
        }
    }

    /// Messages are to be claimed from now on.
    func withdraw() {
        state.withLockedValue { $0.offered = 0 }
    }

    /// Reserves handlers for all messages of a statement, or none.
    func reserve(_ count: Int) -> Reservation? {
        state.withLockedValue { state in
            guard count > 0, state.offered >= count else { return nil }
            state.offered -= count
            state.reserved += count
            return Reservation(
                handOff: self, count: count, quietSince: state.quietSince, countsAttempts: state.countsAttempts,
                lease: lease)
        }
    }

    private func end(_ reservation: Reservation, _ arrival: Arrival?) {
        let onEnd = state.withLockedValue { state in
            if let arrival {
                state.arrivals.append(arrival)
            } else {
                state.reserved -= reservation.count
            }
            return state.onEnd
        }
        onEnd()
    }

    /// What has arrived since the last call.
    func takeArrivals() -> [Arrival] {
        state.withLockedValue { state in
            defer { state.arrivals = [] }
            state.reserved -= state.arrivals.reduce(0) { $0 + $1.messages.count }
            return state.arrivals
        }
    }
}
