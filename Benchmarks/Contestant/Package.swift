// swift-tools-version: 6.2
import PackageDescription

// Scripts/bench.sh sets these: where the version of the library is that takes part, and whether that is one whose
// pools don't know of event loops.
let library = Context.environment["FEDIFY_KV_PATH"] ?? "../.."
let isBaseline = Context.environment["FEDIFY_KV_BASELINE"] == "1"

let eventLoops: [Package.Dependency] =
    isBaseline ? [] : [.package(url: "https://github.com/apple/swift-nio", from: "2.101.0")]
let eventLoopProducts: [Target.Dependency] =
    isBaseline
    ? [] : [.product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio")]

let swiftSettings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + (isBaseline ? [] : [.define("EVENT_LOOPS")])

let package = Package(
    name: "fedify-kv-contestant",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "fedify-kv-swift", path: library),
        // Percentiles of the workloads' latencies.
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        // Backends for what the store measures and traces.
        .package(url: "https://github.com/apple/swift-metrics", from: "2.7.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.3.0"),
    ] + eventLoops,
    targets: [
        // A link to today's FedifyKvBench: the version before has another, and all must do the same.
        .target(
            name: "Workloads",
            dependencies: [
                .product(name: "FedifyKv", package: "fedify-kv-swift"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "contestant",
            dependencies: [
                "Workloads",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "FedifyKv", package: "fedify-kv-swift"),
                .product(name: "FedifyMySQL", package: "fedify-kv-swift"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ] + eventLoopProducts,
            swiftSettings: swiftSettings
        ),
    ]
)
