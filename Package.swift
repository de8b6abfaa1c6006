// swift-tools-version: 6.2
import PackageDescription

// CI sets this to turn warnings in our own targets into errors, without affecting users of the package.
let isStrict = Context.environment["FEDIFY_KV_STRICT"] == "1"

let swiftSettings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + (isStrict ? [.treatAllWarnings(as: .error)] : [])

// Scripts/docs.sh sets this: users of the package don't need the plugin that builds the documentation.
let documentation: [Package.Dependency] =
    Context.environment["FEDIFY_KV_DOCS"] == "1"
    ? [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0")] : []

// The Swift Package Index sets this when it builds the documentation. It can't enable a trait, and without its trait
// HummingbirdFedifyKv has no documentation.
let documentedTraits: Set<String> = Context.environment["SPI_GENERATE_DOCS"] == nil ? [] : ["Hummingbird"]

// Scripts/fuzz.sh sets this: the fuzzer links only with the compiler options of that script.
let fuzzer: [Target] =
    Context.environment["FEDIFY_KV_FUZZ"] == "1"
    ? [
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzChecks", .product(name: "NIOConcurrencyHelpers", package: "swift-nio")],
            path: "Tests/Fuzz", swiftSettings: swiftSettings)
    ] : []

// Logging and metrics always; the other integrations each with the trait of its name.
let serviceLibraries: [Target.Dependency] = [
    .product(name: "Logging", package: "swift-log"),
    .product(name: "Metrics", package: "swift-metrics"),
    .product(name: "Tracing", package: "swift-distributed-tracing", condition: .when(traits: ["Tracing"])),
    .product(
        name: "Configuration", package: "swift-configuration", condition: .when(traits: ["Configuration"])),
    .product(
        name: "ServiceLifecycle", package: "swift-service-lifecycle",
        condition: .when(traits: ["ServiceLifecycle"])),
]

let package = Package(
    name: "fedify-kv-swift",
    // Synchronization.Atomic needs macOS 15.
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "FedifyJSON", targets: ["FedifyJSON"]),
        .library(name: "FedifyKv", targets: ["FedifyKv"]),
        .library(name: "FedifyKvTesting", targets: ["FedifyKvTesting"]),
        .library(name: "FedifyMQ", targets: ["FedifyMQ"]),
        .library(name: "FedifyMQTesting", targets: ["FedifyMQTesting"]),
        .library(name: "FedifyMySQL", targets: ["FedifyMySQL"]),
        .library(name: "HummingbirdFedifyKv", targets: ["HummingbirdFedifyKv"]),
        .executable(name: "fedify-kv", targets: ["fedify-kv"]),
        .executable(name: "fedify-mq", targets: ["fedify-mq"]),
    ],
    traits: [
        // A trait where what it needs is more than small, and an application may do without.
        .trait(name: "Tracing", description: "Spans of operations and batches through swift-distributed-tracing."),
        .trait(name: "Configuration", description: "Configuration from a ConfigReader of swift-configuration."),
        .trait(name: "ServiceLifecycle", description: "Pool and store as services of swift-service-lifecycle."),
        .trait(name: "Hummingbird", description: "HummingbirdFedifyKv, a persist driver for Hummingbird."),
        .default(enabledTraits: documentedTraits.union(["Tracing", "Configuration", "ServiceLifecycle"])),
    ],
    dependencies: [
        // Channels, event loops and timers: every connection to a server is a channel.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        // TLS on those channels.
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        // SHA-1, SHA-2, RSA, PBKDF2 and Ed25519 of the servers' authentication methods.
        .package(url: "https://github.com/apple/swift-crypto", "3.12.0"..<"5.0.0"),
        // The command line of `fedify-kv`.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        // Deque: queues of requests. Heap: the messages of a queue in memory.
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
        // Latency percentiles of `fedify-kv bench`.
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        // Logging of the pool and the store.
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        // Metrics of the pool and the store.
        .package(url: "https://github.com/apple/swift-metrics", from: "2.7.0"),
        // Spans of the store's operations.
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.3.0"),
        // Configuration from the environment or files.
        .package(url: "https://github.com/apple/swift-configuration", from: "1.0.0"),
        // Pool and store as services with graceful shutdown.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
        // The framework that HummingbirdFedifyKv is a driver for.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.15.0"),
    ] + documentation,
    targets: [
        // JSON that carries its text.
        .target(name: "FedifyJSON", swiftSettings: swiftSettings),
        .target(name: "FedifyKv", dependencies: ["FedifyJSON"], swiftSettings: swiftSettings),
        // The basis of the checks of both contracts: broken promises, samples of JSON, and a clock that a test moves.
        .target(name: "ContractTesting", swiftSettings: swiftSettings),
        .target(name: "FedifyKvTesting", dependencies: ["ContractTesting", "FedifyKv"], swiftSettings: swiftSettings),
        .target(
            name: "FedifyMQ",
            dependencies: [
                "FedifyJSON",
                .product(name: "HeapModule", package: "swift-collections"),
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle",
                    condition: .when(traits: ["ServiceLifecycle"])),
            ],
            swiftSettings: swiftSettings),
        .target(name: "FedifyMQTesting", dependencies: ["ContractTesting", "FedifyMQ"], swiftSettings: swiftSettings),
        // The packets of the MySQL and MariaDB protocol: bytes in, values out, without sockets or clocks.
        .target(
            name: "MySQLProtocol",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "_CryptoExtras", package: "swift-crypto"),
            ],
            swiftSettings: swiftSettings
        ),
        // Connections, and the scheduler that assigns requests to them.
        .target(
            name: "MySQLClient",
            dependencies: [
                "MySQLProtocol",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ] + serviceLibraries,
            swiftSettings: swiftSettings
        ),
        .target(
            name: "FedifyMySQL",
            dependencies: [
                "FedifyKv",
                "FedifyMQ",
                "MySQLClient",
                "MySQLProtocol",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ] + serviceLibraries,
            swiftSettings: swiftSettings
        ),
        .target(
            name: "HummingbirdFedifyKv",
            dependencies: [
                "FedifyKv",
                "FedifyMySQL",
                .product(name: "Hummingbird", package: "hummingbird", condition: .when(traits: ["Hummingbird"])),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "FedifyKvBench",
            dependencies: ["FedifyKv", .product(name: "Histogram", package: "hdrhistogram-swift")],
            swiftSettings: swiftSettings
        ),
        // Lines of JSON on standard input and output.
        .target(name: "PipeSupport", dependencies: ["FedifyJSON"], swiftSettings: swiftSettings),
        // The requests of `fedify-kv pipe`: a module of its own for the tests.
        .target(name: "FedifyKvPipe", dependencies: ["FedifyKv", "PipeSupport"], swiftSettings: swiftSettings),
        // The requests of `fedify-mq pipe`.
        .target(name: "FedifyMQPipe", dependencies: ["FedifyMQ", "PipeSupport"], swiftSettings: swiftSettings),
        // Shared by the command-line tools: output, the server's arguments, the doctor's checks of a server.
        .target(
            name: "CommandLineSupport",
            dependencies: [
                "FedifyMySQL", "MySQLClient", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "fedify-kv",
            dependencies: [
                "CommandLineSupport",
                "FedifyKv",
                "FedifyKvBench",
                "FedifyKvPipe",
                "FedifyMySQL",
                "MySQLClient",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "fedify-mq",
            dependencies: [
                "CommandLineSupport",
                "FedifyMQ",
                "FedifyMQPipe",
                "FedifyMySQL",
                "MySQLClient",
                "PipeSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "fedify-kv-demo",
            dependencies: ["FedifyKv", "FedifyMySQL", "MySQLClient"],
            swiftSettings: swiftSettings
        ),
        .testTarget(name: "FedifyJSONTests", dependencies: ["FedifyJSON"], swiftSettings: swiftSettings),
        .testTarget(
            name: "FedifyKvTests",
            dependencies: ["FedifyKv", "FedifyKvTesting"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "FedifyMQPipeTests", dependencies: ["FedifyMQ", "FedifyMQPipe", "PipeSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "FedifyMQTests",
            dependencies: ["FedifyMQ", "FedifyMQTesting"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "FedifyKvBenchTests",
            dependencies: ["FedifyKv", "FedifyKvBench", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "MySQLProtocolTests",
            dependencies: [
                "MySQLProtocol",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "_CryptoExtras", package: "swift-crypto"),
            ],
            exclude: ["Captures"],
            swiftSettings: swiftSettings),
        // A misbehaving server for tests.
        .target(
            name: "HostileServer", dependencies: [.product(name: "NIOConcurrencyHelpers", package: "swift-nio")],
            path: "Tests/HostileServer",
            swiftSettings: swiftSettings),
        .testTarget(
            name: "MySQLClientTests",
            dependencies: [
                "HostileServer", "MySQLClient", "MySQLProtocol", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            exclude: ["Certificates"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "FedifyMySQLTests",
            dependencies: [
                "FedifyKv", "FedifyMQ", "FedifyMySQL", "MySQLClient", "MySQLProtocol",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            swiftSettings: swiftSettings),
        // The handlers and records of the queue's tests, also for a process that the tests can kill.
        .target(
            name: "QueueRecording", dependencies: ["FedifyMQ"], path: "Tests/QueueRecording",
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "queue-worker", dependencies: ["FedifyMQ", "FedifyMySQL", "MySQLClient", "QueueRecording"],
            path: "Tests/QueueWorker", swiftSettings: swiftSettings),
        // Properties that must hold for any input: for the tests, with the corpus, and for the fuzzer.
        .target(
            name: "FuzzChecks",
            dependencies: [
                "FedifyKv", "FedifyKvPipe", "FedifyMySQL", "MySQLClient", "MySQLProtocol",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tests/FuzzChecks",
            swiftSettings: swiftSettings
        ),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzChecks"], swiftSettings: swiftSettings),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "FedifyKv",
                "FedifyKvBench",
                "FedifyKvTesting",
                "FedifyMQTesting",
                "FedifyMySQL",
                "FedifyMQ",
                "HostileServer",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                "MySQLClient",
                "HummingbirdFedifyKv",
                "QueueRecording",
                "fedify-kv",
                "fedify-mq",
                "queue-worker",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
                .product(name: "Hummingbird", package: "hummingbird", condition: .when(traits: ["Hummingbird"])),
                .product(name: "HummingbirdTesting", package: "hummingbird", condition: .when(traits: ["Hummingbird"])),
            ],
            resources: [.copy("Fixtures")],
            swiftSettings: swiftSettings
        ),
    ] + fuzzer
)
