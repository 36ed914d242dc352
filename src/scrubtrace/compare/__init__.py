"""Is a batch of rows nearer to known model output than trusted human rows are?"""
