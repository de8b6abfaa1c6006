import HeapModule

/// The messages of a ``MemoryMessageQueue``, and which one is next.
struct MemoryBacklog<Instant: InstantProtocol> where Instant.Duration == Duration {
    struct Message {
        let id: String
        let value: JSONValue
        let orderingKey: String?
        /// When it may be delivered.
        var due: Instant
        /// Its place among the messages of its key: `due`, except for one that blocks them until it is tried again.
        var placeInKey: Instant
        /// How often it was delivered, the present delivery included.
        var attempts = 0
        var isInWork = false
    }

    /// A place in an order: by time, then by the order of `enqueue`. The number is the message's identity here.
    private struct Place: Comparable {
        let time: Instant
        let number: Int

        static func < (left: Place, right: Place) -> Bool { (left.time, left.number) < (right.time, right.number) }
    }

    /// The waiting messages of an ordering key.
    private struct Lane {
        var waiting = Heap<Place>()
        var isInWork = false
    }

    private(set) var dead: [DeadMessage] = []
    private let options: DeliveryOptions
    private var messages: [Int: Message] = [:]
    private var lanes: [String: Lane] = [:]
    /// Messages without a key, and the first of each key that isn't in work. One that is no candidate any more stays
    /// until it is met.
    private var candidates = Heap<Place>()
    private var lastNumber = 0

    init(options: DeliveryOptions) {
        self.options = options
    }

    /// Adds a message behind those that are due at the same time.
    mutating func add(id: String, _ value: JSONValue, orderingKey: String?, due: Instant) {
        lastNumber += 1
        messages[lastNumber] = Message(id: id, value: value, orderingKey: orderingKey, due: due, placeInKey: due)
        putBack(lastNumber)
    }

    /// Takes the next message that is due. It is in work until it is settled.
    mutating func take(at now: Instant) -> (number: Int, message: Message)? {
        guard let due = nextDue(), due <= now, let number = candidates.popMin()?.number, var message = messages[number]
        else { return nil }
        message.isInWork = true
        message.attempts += 1
        messages[number] = message
        if let key = message.orderingKey {
            _ = lanes[key]?.waiting.popMin()
            lanes[key]?.isInWork = true
        }
        return (number, message)
    }

    /// When the next message can be taken; nil: when another one was added or settled.
    mutating func nextDue() -> Instant? {
        while let first = candidates.min {
            if isCandidate(first) { return first.time }
            candidates.removeMin()
        }
        return nil
    }

    /// Ends the delivery of a message that was taken.
    mutating func settle(_ number: Int, _ outcome: DeliveryOutcome, at now: Instant) {
        guard var message = messages[number] else { return }
        message.isInWork = false
        if let key = message.orderingKey { lanes[key]?.isInWork = false }
        switch outcome {
        case .done:
            messages[number] = nil
        case .reject(let reason):
            bury(number, reason)
        case .retry(_, let reason) where message.attempts >= options.maximumAttempts:
            bury(number, reason)
        case .retry(let pause, _):
            message.due = now.advanced(by: pause ?? options.backoff(afterAttempt: message.attempts))
            if options.whenFailed == .overtake { message.placeInKey = message.due }
            messages[number] = message
            putBack(number)
        case .release:
            // It has not failed: the delivery doesn't count.
            message.attempts -= 1
            messages[number] = message
            putBack(number)
        }
        if let key = message.orderingKey { offerFirst(of: key) }
    }

    /// How many there are.
    func depth(at now: Instant) -> QueueDepth {
        var depth = QueueDepth(queued: messages.count, dead: dead.count)
        for message in messages.values {
            if message.isInWork {
                depth.inWork += 1
            } else if message.due <= now {
                depth.ready += 1
            } else {
                depth.delayed += 1
            }
        }
        return depth
    }

    private mutating func putBack(_ number: Int) {
        guard let message = messages[number] else { return }
        if let key = message.orderingKey {
            lanes[key, default: Lane()].waiting.insert(Place(time: message.placeInKey, number: number))
            offerFirst(of: key)
        } else {
            candidates.insert(Place(time: message.due, number: number))
        }
    }

    /// Makes the first message of a key a candidate, unless one of the key is in work.
    private mutating func offerFirst(of key: String) {
        guard let lane = lanes[key], !lane.isInWork else { return }
        if let first = lane.waiting.min, let message = messages[first.number] {
            candidates.insert(Place(time: message.due, number: first.number))
        } else {
            lanes[key] = nil
        }
    }

    private func isCandidate(_ place: Place) -> Bool {
        guard let message = messages[place.number], !message.isInWork, message.due == place.time else { return false }
        guard let key = message.orderingKey else { return true }
        guard let lane = lanes[key] else { return false }
        return !lane.isInWork && lane.waiting.min?.number == place.number
    }

    private mutating func bury(_ number: Int, _ reason: String) {
        guard let message = messages.removeValue(forKey: number) else { return }
        dead.append(
            DeadMessage(
                id: message.id, message: message.value, orderingKey: message.orderingKey, attempts: message.attempts,
                reason: reason))
    }
}
