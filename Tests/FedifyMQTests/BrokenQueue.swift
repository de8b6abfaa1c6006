import FedifyMQ
import FedifyMQTesting
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A queue in memory with a fault, or with none.
struct BrokenQueue: MessageQueue {
    /// Longer than any check waits.
    static let forEver = Duration.seconds(1_000_000_000)

    let fault: Fault?
    let memory: MemoryMessageQueue<ManualClock>
    /// The state of the wrapper, beside the queue's messages.
    let notes = QueueNotes()

    /// A queue for a suite that is told these options; the queue itself may have others.
    init(fault: Fault?, clock: ManualClock, options: DeliveryOptions) throws(MQError) {
        var options = options
        switch fault {
        case .failedKeysAreOvertaken: options.whenFailed = .overtake
        case .failedKeysBlock: options.whenFailed = .block
        case .nothingDies: options.maximumAttempts = 1000
        case .diesEarly: options.maximumAttempts -= 1
        case .noTimeLimit: options.handlerTimeout = nil
        case .noGracePeriod: options.gracePeriod = .zero
        case .graceIsForEver: options.gracePeriod = Self.forEver
        default: break
        }
        self.fault = fault
        memory = try MemoryMessageQueue(clock: clock, options: options)
    }

    var coding: JSONCoding {
        guard fault == .nanIsTaken else { return .default }
        let coding = JSONCoding()
        coding.encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "", negativeInfinity: "", nan: "")
        return coding
    }

    func enqueue(_ messages: [JSONValue], delay: Duration, orderingKey: String?) async throws(MQError) {
        if fault == .noMessagesAreRefused, messages.isEmpty { throw MQError(.invalidMessage, "there is no message") }
        if fault == .shortDelayIsRefused, delay == .nanoseconds(1) {
            throw MQError(.invalidDelay, "less than a microsecond")
        }
        let delay = kept(delay)
        switch fault {
        case .manyAreEnqueuedOneByOne, .delayBlocks, .delaysKeepTheOrder, .orderIsLoose, .wakesLate,
            .failedKeysBlockAll, .deadMessagesBlock, .keysStarve, .othersStarve, .keysStarveKeys, .keysAreIgnored,
            .keysOverlap, .keysHoldUpOthers:
            for message in messages {
                let key = kept(orderingKey, of: message)
                try await memory.enqueue(
                    [message], delay: self.delay(delay, of: message, orderingKey), orderingKey: key)
            }
        default:
            try await memory.enqueue(
                kept(messages, orderingKey), delay: delay, orderingKey: orderingKey.map { kept($0) })
        }
        if fault == .messagesStay, let message = messages.first {
            try await memory.enqueue([message], delay: Self.forEver, orderingKey: nil)
        }
    }

    func depth() async throws(MQError) -> QueueDepth {
        var depth = try await memory.depth()
        switch fault {
        case .queuedIsReadyOnly: depth.queued = depth.ready
        case .delayedIsReady: depth.ready += depth.delayed
        case .delayedIsNotCounted: depth.delayed = 0
        case .inWorkIsOne: depth.inWork = max(depth.inWork, 1)
        case .inWorkIsNotCounted: depth.inWork = 0
        case .inWorkIsNotQueued: depth.queued -= depth.inWork
        case .handledIsQueued where notes.hasHandled: depth.queued += 1
        default: break
        }
        return depth
    }

    // MARK: - Listening

    func listen(
        concurrency: Int, handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async throws(MQError) {
        let concurrency =
            switch fault {
            case .concurrencyZeroIsTaken: max(concurrency, 1)
            case .oneHandlerAtATime: min(concurrency, 1)
            case .concurrencyIsExceeded where concurrency > 1: concurrency + 1
            default: concurrency
            }
        while fault == .oneListenerOnly, notes.isListening, !Task.isCancelled { await Self.pause() }
        let isCancelled = Flag()
        let listening = Task { () async -> MQError? in
            do throws(MQError) {
                try await memory.listen(concurrency: concurrency) { received in
                    try await handle(received, listenIsCancelled: isCancelled, handler)
                }
                return nil
            } catch {
                return error
            }
        }
        notes.began(listening)
        let error = await withTaskCancellationHandler { () -> MQError? in
            if fault == .listenLeavesHandlers {
                // It ends when its task is cancelled.
                for await _ in AsyncStream<Never>.makeStream().stream {}
                return nil
            }
            return await listening.value
        } onCancel: {
            isCancelled.set()
            if fault == .cancelledListenGoesOn {
                Task {
                    for _ in 0..<1000 where (try? await memory.depth().ready) ?? 0 > 0 { await Self.pause() }
                    listening.cancel()
                }
            } else {
                listening.cancel()
            }
        }
        notes.ended(listening, andOthers: fault == .listenersEndTogether)
        if let error { throw error }
        switch fault {
        case .listenNeverEnds: for _ in 0..<1000 { await Self.pause() }
        case .listenThrows, .typedListenThrows: throw MQError(.cancelled, "the task was cancelled")
        case .listenTakesAll: await drain()
        default: break
        }
    }

    private func handle(
        _ received: ReceivedMessage, listenIsCancelled: Flag,
        _ handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async throws {
        let control = DeliveryControl()
        let told = ReceivedMessage(
            id: id(of: received), message: received.message, orderingKey: told(received.orderingKey),
            attempt: fault == .attemptsAreNotCounted ? 1 : received.attempt, control: control)
        defer { notes.handled() }
        do {
            switch fault {
            case .handlersAreLeft, .cancelledIsGivenOn, .listenLeavesCancelledHandlers:
                try await leaving { try await handler(told) }
            default: try await handler(told)
            }
        } catch {
            switch fault {
            case .failuresAreDone where control.decision == nil: return
            case .undecodableIsDropped where (error as? MQError)?.code == .decodingFailed: return
            case .cancelledIsLost where Task.isCancelled: return
            case .aFailureEndsListen: notes.cancelAll()
            default: break
            }
            decide(control.decision, received)
            if control.decision != nil { return }
            throw error
        }
        let check = probe(received.message)?.check ?? ""
        switch fault {
        case .doneIsDeliveredAgain where check.hasPrefix("failures ") && received.attempt == 2,
            .graceIsInVain where listenIsCancelled.isSet && received.attempt == 1:
            received.retry(after: .zero)
        case .slowIsDead where Task.isCancelled: received.reject("it took too long")
        default: decide(control.decision, received)
        }
    }

    private func id(of received: ReceivedMessage) -> String {
        switch fault {
        case .idsRepeat: "the same"
        case .idsAreOld: MessageID.make(1, at: 0)[0]
        case .idsChange: "\(received.id)-\(received.attempt ?? 0)"
        default: received.id
        }
    }

    /// Passes on what a handler decided.
    private func decide(_ decision: DeliveryOutcome?, _ received: ReceivedMessage) {
        switch (decision, fault) {
        case (.reject, .rejectedIsDropped), (.retry, .retriesAreLost): break
        case (.reject, .rejectedIsRetried), (.retry, .retriesAreAtOnce): received.retry(after: .zero)
        case (.reject(let reason), _): received.reject(reason)
        case (.retry(let pause?, _), _): received.retry(after: pause)
        default: break
        }
    }

    /// Leaves a handler alone when it is cancelled.
    private func leaving(_ handler: @escaping @Sendable () async throws -> Void) async throws {
        let isOver = Flag()
        let task = Task {
            defer { isOver.set() }
            try await handler()
        }
        while !isOver.isSet {
            if Task.isCancelled {
                task.cancel()
                throw CancellationError()
            }
            await Self.pause()
        }
        try await task.value
    }

    private func drain() async {
        let listening = Task { try? await memory.listen(concurrency: 100) { _ in } }
        for _ in 0..<1000 where (try? await memory.depth().ready) ?? 0 > 0 { await Self.pause() }
        listening.cancel()
        await listening.value
    }

    private static func pause() async { await Task { try? await Task.sleep(for: .milliseconds(1)) }.value }
}
