module @ATTRIBUTE@ {
  tt.func public @product(
      %a: !tt.ptr<@ELEMENT@> {tt.divisibility = 16 : i32}, %b: !tt.ptr<@ELEMENT@> {tt.divisibility = 16 : i32},
      %c: !tt.ptr<f32> {tt.divisibility = 16 : i32}) {
    %m = tt.make_range {end = 16 : i32, start = 0 : i32} : tensor<16xi32>
    %k = tt.make_range {end = @K@ : i32, start = 0 : i32} : tensor<@K@xi32>
    %m1 = tt.expand_dims %m {axis = 1 : i32} : tensor<16xi32> -> tensor<16x1xi32>
    %n0 = tt.expand_dims %m {axis = 0 : i32} : tensor<16xi32> -> tensor<1x16xi32>
    %k0 = tt.expand_dims %k {axis = 0 : i32} : tensor<@K@xi32> -> tensor<1x@K@xi32>
    %k1 = tt.expand_dims %k {axis = 1 : i32} : tensor<@K@xi32> -> tensor<@K@x1xi32>
    %pitch_a = arith.constant dense<@K@> : tensor<16x1xi32>
    %pitch_b = arith.constant dense<16> : tensor<@K@x1xi32>
    %pitch_c = arith.constant dense<16> : tensor<16x1xi32>
    %row_a = arith.muli %m1, %pitch_a : tensor<16x1xi32>
    %row_b = arith.muli %k1, %pitch_b : tensor<@K@x1xi32>
    %row_c = arith.muli %m1, %pitch_c : tensor<16x1xi32>
    %a0 = tt.broadcast %row_a : tensor<16x1xi32> -> tensor<16x@K@xi32>
    %a1 = tt.broadcast %k0 : tensor<1x@K@xi32> -> tensor<16x@K@xi32>
    %b0 = tt.broadcast %row_b : tensor<@K@x1xi32> -> tensor<@K@x16xi32>
    %b1 = tt.broadcast %n0 : tensor<1x16xi32> -> tensor<@K@x16xi32>
    %c0 = tt.broadcast %row_c : tensor<16x1xi32> -> tensor<16x16xi32>
    %c1 = tt.broadcast %n0 : tensor<1x16xi32> -> tensor<16x16xi32>
    %at = arith.addi %a0, %a1 : tensor<16x@K@xi32>
    %bt = arith.addi %b0, %b1 : tensor<@K@x16xi32>
    %ct = arith.addi %c0, %c1 : tensor<16x16xi32>
    %pa = tt.splat %a : !tt.ptr<@ELEMENT@> -> tensor<16x@K@x!tt.ptr<@ELEMENT@>>
    %pb = tt.splat %b : !tt.ptr<@ELEMENT@> -> tensor<@K@x16x!tt.ptr<@ELEMENT@>>
    %pc = tt.splat %c : !tt.ptr<f32> -> tensor<16x16x!tt.ptr<f32>>
    %qa = tt.addptr %pa, %at : tensor<16x@K@x!tt.ptr<@ELEMENT@>>, tensor<16x@K@xi32>
    %qb = tt.addptr %pb, %bt : tensor<@K@x16x!tt.ptr<@ELEMENT@>>, tensor<@K@x16xi32>
    %qc = tt.addptr %pc, %ct : tensor<16x16x!tt.ptr<f32>>, tensor<16x16xi32>
    %va = tt.load %qa : tensor<16x@K@x!tt.ptr<@ELEMENT@>>
    %vb = tt.load %qb : tensor<@K@x16x!tt.ptr<@ELEMENT@>>
    %zero = arith.constant dense<0.0> : tensor<16x16xf32>
    %d = tt.dot %va, %vb, %zero : tensor<16x@K@x@ELEMENT@> * tensor<@K@x16x@ELEMENT@> -> tensor<16x16xf32>
    tt.store %qc, %d : tensor<16x16x!tt.ptr<f32>>
    tt.return
  }
}
