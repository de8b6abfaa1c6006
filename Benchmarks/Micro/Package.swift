// swift-tools-version: 6.2
import PackageDescription

let workloadSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "fedify-kv-microbenchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "fedify-kv-swift", path: "../.."),
        // Runs and reports the microbenchmarks. Without traits: it counts allocations only under a runtime of its own.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
        // Percentiles of the workloads' latencies.
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // A link to FedifyKvBench, which is not a product.
        .target(
            name: "Workloads",
            dependencies: [
                .product(name: "FedifyKv", package: "fedify-kv-swift"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: workloadSettings
        ),
        .executableTarget(
            name: "micro",
            dependencies: [
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "FedifyKv", package: "fedify-kv-swift"),
                "Workloads",
            ],
            path: "Benchmarks/micro",
            swiftSettings: [.swiftLanguageMode(.v6)],
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        ),
        .target(name: "CAllocations"),
        .executableTarget(
            name: "allocations",
            dependencies: [
                "CAllocations",
                .product(name: "FedifyKv", package: "fedify-kv-swift"),
                "Workloads",
                .product(name: "FedifyMySQL", package: "fedify-kv-swift"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
    ]
)
