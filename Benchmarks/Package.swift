// swift-tools-version: 6.2
import PackageDescription

let workloadSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "fedify-kv-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "fedify-kv-swift", path: ".."),
        // What the store's logger tells of the sweeper, for `upkeep`.
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
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
        .systemLibrary(
            name: "CLibMariaDB",
            pkgConfig: "libmariadb",
            providers: [.apt(["libmariadb-dev"]), .brew(["mariadb-connector-c"])]
        ),
        .executableTarget(name: "c-limit", dependencies: ["CLibMariaDB"], cSettings: [.unsafeFlags(["-O2"])]),
        .executableTarget(name: "c-queue", dependencies: ["CLibMariaDB"], cSettings: [.unsafeFlags(["-O2"])]),
        .target(name: "Support", swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(name: "delay-proxy", cSettings: [.unsafeFlags(["-O2"])]),
        .executableTarget(
            name: "compare",
            dependencies: [
                "Support",
                "c-limit",
                "delay-proxy",
                "Workloads",
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
        .executableTarget(
            name: "queue",
            dependencies: [
                "Support",
                "c-queue",
                .product(name: "FedifyKv", package: "fedify-kv-swift"),
                .product(name: "FedifyMQ", package: "fedify-kv-swift"),
                .product(name: "FedifyMySQL", package: "fedify-kv-swift"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
        .executableTarget(
            name: "upkeep",
            dependencies: [
                "Support",
                .product(name: "FedifyKv", package: "fedify-kv-swift"),
                "Workloads",
                .product(name: "FedifyMySQL", package: "fedify-kv-swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
    ]
)
