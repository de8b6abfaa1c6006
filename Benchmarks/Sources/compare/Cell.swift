/// A workload at a number of callers and a round trip to the server.
struct Cell: Hashable, CustomStringConvertible {
    let workload: String
    let callers: Int
    /// In microseconds; 0: loopback, as it is.
    let roundTrip: Int
    let isEncrypted: Bool

    /// From text such as `get:8@2000`; with `+tls` behind it the connections are encrypted.
    init?(_ text: some StringProtocol) {
        guard let match = String(text).wholeMatch(of: /([a-z-]+):(\d+)@(\d+)(\+tls)?/),
            let callers = Int(match.2), let roundTrip = Int(match.3), callers > 0
        else { return nil }
        workload = String(match.1)
        self.callers = callers
        self.roundTrip = roundTrip
        isEncrypted = match.4 != nil
    }

    private init(_ other: Cell, callers: Int, isEncrypted: Bool) {
        workload = other.workload
        self.callers = callers
        roundTrip = other.roundTrip
        self.isEncrypted = isEncrypted
    }

    /// All cells of a list, which spaces separate.
    static func list(_ text: String) -> [Cell] { text.split(whereSeparator: \.isWhitespace).compactMap { Cell($0) } }

    /// The same for one caller, or without TLS.
    var ofOneCaller: Cell { Cell(self, callers: 1, isEncrypted: isEncrypted) }
    var withoutTLS: Cell { Cell(self, callers: callers, isEncrypted: false) }

    var description: String { "\(workload):\(callers)@\(roundTrip)\(isEncrypted ? "+tls" : "")" }

    /// For people.
    var title: String {
        let place = roundTrip == 0 ? "" : ", \(Double(roundTrip) / 1000) ms"
        return "\(workload), \(callers)\(place)\(isEncrypted ? ", TLS" : "")"
    }

    /// Who takes part in it.
    var contestants: [Contestant] {
        let isPlain = roundTrip == 0 && !isEncrypted && callers >= 64 && ["get", "set"].contains(workload)
        return switch workload {
        case "set-many": [.before, .ours, .cMany]
        case "list": [.before, .ours, .loops, .cOne]
        case _ where isEncrypted: [.before, .ours, .loops, .cOne]
        case _ where isPlain: Contestant.allCases
        default: [.before, .beforeOff, .ours, .off, .loops, .cOne]
        }
    }

    /// What a run without CELLS has. Each caller of `get:1@2000` waits for a round trip and no more: it is what 64
    /// callers there are held to.
    static let standard = """
        get:1@0 get:8@0 get:64@0 get:256@0 get:64@0+tls set:1@0 set:64@0 set:256@0 cas:8@0 cas:64@0
        get-missing:64@0 set-ttl:64@0 list:1@0 set-many:1@0
        get:8@500 get:64@500 get:256@500 set:8@500 set:64@500 cas:8@500 cas:64@500
        get:1@2000 get:8@2000 get:64@2000 get:256@2000 set:8@2000 set:64@2000 cas:8@2000 cas:64@2000
        memory
        """
}
