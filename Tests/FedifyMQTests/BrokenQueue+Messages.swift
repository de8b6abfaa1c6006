import FedifyMQ

extension BrokenQueue {
    // MARK: - Messages

    /// A message of the suite.
    struct Probe: Codable {
        let check: String
        let number: Int
    }

    func probe(_ message: JSONValue) -> Probe? {
        try? JSONCoding.default.decode(message, as: Probe.self)
    }

    func kept(_ messages: [JSONValue], _ orderingKey: String?) -> [JSONValue] {
        func isOf(_ check: String) -> Bool {
            messages.first.flatMap(probe)?.check.hasPrefix(check + " ") ?? false
        }
        switch fault {
        case .manyAreReversed,
            .keysAreReversed where orderingKey != nil:
            return messages.reversed()
        case .messagesAreDoubled where isOf("concurrency"), .listenersDouble where isOf("two listeners"):
            return messages + messages.suffix(1)
        case .messagesAreLost where isOf("concurrency"): return messages.dropLast()
        case .keysStop where isOf("keys at work"): return Array(messages.prefix(3))
        default: return messages.map { kept($0) }
        }
    }

    func kept(_ message: JSONValue) -> JSONValue {
        switch (fault, message.json) {
        case (.numbersAreDoubles, "9007199254740993"): JSONValue(uncheckedJSON: "9007199254740992")
        case (.stringsAreWrapped, "\"1\""): ["1"]
        case (.typedMessagesAreChanged, let json): JSONValue(uncheckedJSON: json.replacing("Zoë", with: "Zoe"))
        case (.invalidJSONIsTaken, let json) where (try? JSONValue(json: json)) == nil: .null
        default: message
        }
    }

    func kept(_ delay: Duration) -> Duration {
        switch fault {
        case .negativeDelayIsTaken: max(delay, .zero)
        case .hugeDelayIsCut: min(delay, Self.forEver)
        case .delayIsIgnored where delay > .zero && delay < Self.forEver: .zero
        case .delayIsForEver where delay > .zero: max(delay, Self.forEver)
        default: delay
        }
    }

    func delay(_ delay: Duration, of message: JSONValue, _ orderingKey: String?) -> Duration {
        guard let probe = probe(message) else { return delay }
        func isOf(_ check: String) -> Bool { probe.check.hasPrefix(check + " ") }
        let isWitness = probe.number >= 1_000_000
        // By a clock that stands, this is not at once.
        let soon = Duration.microseconds(1)
        switch fault {
        case .orderIsLoose where isOf("order") && probe.number == 3: return soon
        case .wakesLate where isOf("waking"): return soon
        case .delayBlocks where isOf("delays") && isWitness: return Self.forEver
        case .delaysKeepTheOrder where isOf("delays that decide the order"): return .zero
        case .failedKeysBlockAll where isOf("failed keys") && isWitness: return soon
        case .deadMessagesBlock where isOf("keys of dead messages") && probe.number == 2: return Self.forEver
        case .keysStarve where isOf("floods") && probe.number == 0 && orderingKey != nil,
            .keysStarveKeys where isOf("floods") && probe.number == 0 && orderingKey != nil,
            .othersStarve where isOf("floods") && probe.number == 0 && orderingKey == nil:
            return Self.forEver
        default: return delay
        }
    }

    // MARK: - Ordering keys

    /// Parts a key from what makes it another one.
    private static let mark: Character = "\u{1}"

    func kept(_ key: String) -> String {
        switch fault {
        case .keysAreTrimmed: String(key.reversed().drop { $0 == " " }.reversed())
        case .anyScalarIsTaken: String(String.UnicodeScalarView(key.unicodeScalars.filter { $0.value < 0x10000 }))
        case .longKeysAreCut: String(key.prefix(1000))
        case .keysWaitForEachOther: "all"
        default: key
        }
    }

    func kept(_ key: String?, of message: JSONValue) -> String? {
        switch fault {
        case .keysAreIgnored, .keysOverlap: key.map { "\($0)\(Self.mark)\(notes.next())" }
        case .keysHoldUpOthers where probe(message)?.check.hasPrefix("keys at work") == true: key ?? "a"
        default: key
        }
    }

    func told(_ key: String?) -> String? {
        switch fault {
        case .unorderedGetsAKey: key ?? "none"
        case .keysAreNotTold: nil
        default: key.map { String($0.prefix { $0 != Self.mark }) }
        }
    }
}
