import Synchronization

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A message with what surrounds it, as a handler gets it.
public struct ReceivedMessage: Sendable {
    /// The identity of the message: the same at each delivery.
    public let id: String
    /// The message.
    public let message: JSONValue
    /// The key whose messages are handled one at a time and in order.
    public let orderingKey: String?
    /// Which delivery this is, from 1; nil if the table doesn't count them.
    public let attempt: Int?
    package let control: DeliveryControl

    /// For authors of queues.
    package init(
        id: String, message: JSONValue, orderingKey: String?, attempt: Int?, control: DeliveryControl
    ) {
        self.id = id
        self.message = message
        self.orderingKey = orderingKey
        self.attempt = attempt
        self.control = control
    }

    /// When it was enqueued, by the clock of the machine or the server that made its ID; nil if the ID doesn't tell.
    public var enqueuedAt: Date? {
        MessageID.time(of: id).map { Date(timeIntervalSince1970: Double($0) / 1e6) }
    }

    /// Until when no other handler gets the message, unless the lease is renewed, which happens without being asked;
    /// nil if it is this handler's as long as it runs.
    public var leasedUntil: ContinuousClock.Instant? { control.leasedUntil }

    /// Makes the message dead when the handler ends, however it ends: no further attempt.
    ///
    /// - Parameter reason: For the operator, at most 1000 characters are kept. It is stored beside the message.
    public func reject(_ reason: String) {
        control.decide(.reject(reason: DeliveryOutcome.cut(reason)))
    }

    /// Has the message delivered again when the handler ends, however it ends: after this time instead of the usual
    /// pause. It counts as an attempt.
    ///
    /// - Parameters:
    ///   - delay: Zero: at once. More than a year counts as a year.
    ///   - reason: For the operator, at most 1000 characters are kept. It is stored beside the message.
    public func retry(after delay: Duration, reason: String = "the handler asked for another attempt") {
        let delay = min(max(delay, .zero), .seconds(31_536_000))
        control.decide(.retry(after: delay, reason: reason))
    }

    /// Makes sure that the message is this handler's for at least so long from now.
    ///
    /// - Parameter time: At most a day.
    /// - Throws: ``MQError`` `leaseLost` if another handler may have it by now; `invalidConfiguration`.
    public func extend(by time: Duration) async throws(MQError) {
        guard time > .zero, time <= .seconds(86400) else {
            throw MQError(.invalidConfiguration, "a lease is extended by more than zero, and by at most a day")
        }
        try await control.extend(by: time)
    }
}

/// The link between a handler and its queue. For authors of queues.
package final class DeliveryControl: Sendable {
    private struct State {
        var decision: DeliveryOutcome?
        var leasedUntil: ContinuousClock.Instant?
    }

    private let state: Mutex<State>
    private let onExtend: @Sendable (Duration) async throws(MQError) -> ContinuousClock.Instant?

    /// - Parameters:
    ///   - leasedUntil: The end of the lease.
    ///   - extend: Extends the lease, and returns its new end.
    package init(
        leasedUntil: ContinuousClock.Instant? = nil,
        extend: @escaping @Sendable (Duration) async throws(MQError) -> ContinuousClock.Instant? = {
            _ throws(MQError) in nil
        }
    ) {
        state = Mutex(State(leasedUntil: leasedUntil))
        onExtend = extend
    }

    /// The handler's decision; nil: it made none.
    package var decision: DeliveryOutcome? { state.withLock(\.decision) }

    /// The end of the lease.
    package var leasedUntil: ContinuousClock.Instant? {
        get { state.withLock(\.leasedUntil) }
        set { state.withLock { $0.leasedUntil = newValue } }
    }

    func decide(_ outcome: DeliveryOutcome) {
        state.withLock { $0.decision = outcome }
    }

    func extend(by time: Duration) async throws(MQError) {
        let end = try await onExtend(time)
        if let end { leasedUntil = end }
    }
}

/// How a delivery has ended.
package enum DeliveryOutcome: Sendable, Equatable {
    /// The handler has returned.
    case done
    /// The handler has failed, or asked for it. nil: after the usual pause.
    case retry(after: Duration?, reason: String)
    /// No further attempt.
    case reject(reason: String)
    /// The handler was cancelled by a shutdown: the message goes back at once.
    case release

    /// As much of a reason as is kept: 1000 Unicode scalars, which is what the column counts.
    static func cut(_ reason: String) -> String {
        String(String.UnicodeScalarView(reason.unicodeScalars.prefix(1000)))
    }
}
