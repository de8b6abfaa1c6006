/// What we are after.
enum Goals {
    static let all: [Goal] = loopback + ofCPU + halfAMillisecond + twoMilliseconds + encrypted

    private static let loopback: [Goal] = [
        Goal("get:1@0 set:1@0", .ours, .p50, .atMost(1.03), .contestant(.before)),
        Goal("get:1@0 set:1@0", .loops, .p50, .atMost(0.95), .contestant(.before)),
        Goal("get:8@0 get:64@0 get:256@0", .ours, .rate, .atLeast(0.97), .contestant(.before)),
        Goal("set:64@0 set:256@0", .ours, .rate, .atLeast(1), .contestant(.before)),
        Goal("cas:8@0 cas:64@0", .ours, .rate, .atLeast(1.1), .contestant(.before)),
        Goal("get:8@0", .loops, .rate, .atLeast(2.2), .contestant(.before)),
        Goal("get:64@0", .loops, .rate, .atLeast(1.5), .contestant(.before)),
        Goal("get:256@0", .loops, .rate, .atLeast(1.1), .contestant(.before)),
        Goal("set:64@0", .loops, .rate, .atLeast(1.25), .contestant(.before)),
        Goal("cas:8@0", .loops, .rate, .atLeast(1.4), .contestant(.before)),
        Goal("cas:64@0", .loops, .rate, .atLeast(1.5), .contestant(.before)),
    ]

    private static let ofMany = """
        get:8@0 get:64@0 get:256@0 set:64@0 set:256@0 cas:8@0 cas:64@0
        get:8@500 get:64@500 get:256@500 set:8@500 set:64@500 cas:8@500 cas:64@500
        get:8@2000 get:64@2000 get:256@2000 set:8@2000 set:64@2000 cas:8@2000 cas:64@2000
        """

    private static let ofCPU: [Goal] = [
        Goal(ofMany, .ours, .cpu, .atMost(1), .contestant(.before)),
        Goal(ofMany, .loops, .cpu, .atMost(0.65), .contestant(.before)),
    ]

    private static let halfAMillisecond: [Goal] = [
        Goal(
            "get:8@500 get:64@500 get:256@500 set:8@500 set:64@500 cas:8@500 cas:64@500", .ours, .rate, .atLeast(1),
            .better(.before, .beforeOff))
    ]

    private static let twoMilliseconds: [Goal] = [
        Goal("get:8@2000 set:8@2000", .ours, .rate, .atLeast(0.97), .contestant(.beforeOff)),
        Goal("get:8@2000 set:8@2000", .ours, .p99, .atMost(1.15), .contestant(.beforeOff)),
        Goal("get:64@2000", .ours, .rate, .atLeast(1.35), .contestant(.before)),
        Goal("get:256@2000", .ours, .rate, .atLeast(1.2), .contestant(.before)),
        Goal("get:64@2000", .ours, .rate, .atLeast(0.8), .aloneEach),
        Goal("set:64@2000", .ours, .rate, .atLeast(1.4), .contestant(.before)),
        Goal("cas:8@2000 cas:64@2000", .ours, .rate, .atLeast(0.95), .contestant(.beforeOff)),
        Goal("cas:8@2000 cas:64@2000", .ours, .rate, .atLeast(1.8), .contestant(.before)),
    ]

    private static let encrypted: [Goal] = [
        Goal("get:64@0+tls", .ours, .rate, .atLeast(0.8), .withoutTLS)
    ]

    /// The most memory, in megabytes.
    static let memory: [(use: MemoryUse, megabytes: Double)] = [
        (.callers, 64), (.overload, 200), (.listMany, 40), (.large, 64),
    ]
}
